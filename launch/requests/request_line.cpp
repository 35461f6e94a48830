#include "launch/requests/request_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/error.h"
#include "engine/text/unicode/utf8.h"
#include "engine/weights/json_text.h"
#include "launch/options/suggestion.h"
#include "launch/prompts/given_text.h"

namespace gemring {
namespace {

using nlohmann::json;

[[noreturn]] void refuse_type(const std::string& field, const json& value, const std::string& wanted) {
  constexpr std::size_t kShown = 60;
  std::string shown = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (shown.size() > kShown) shown = fmt::format("{} of {} bytes", value.type_name(), shown.size());
  throw UsageError({field, fmt::format("is {}", shown), fmt::format("give {}", wanted)});
}

std::string text(const json& value, const std::string& field) {
  if (!value.is_string()) refuse_type(field, value, "a text in double quotes");
  return value.get<std::string>();
}

/// The texts of a value of JSON, as they would stand on a command line.
std::vector<std::string> texts_of(const json& value, const OptionDescription& option) {
  const std::string& field = option.request_field;
  switch (option.field_value().kind) {
    case ValueKind::flag:
      if (!value.is_boolean()) refuse_type(field, value, "true or false");
      return {value.dump()};
    case ValueKind::whole:
      if (!value.is_number_integer()) refuse_type(field, value, "a whole number");
      return {value.dump()};
    case ValueKind::real:
      if (!value.is_number()) refuse_type(field, value, "a number");
      return {value.dump()};
    case ValueKind::choice: {
      const auto& words = option.value.choices;
      const bool known =
          value.is_string() && std::find(words.begin(), words.end(), value.get<std::string>()) != words.end();
      if (!known) refuse_type(field, value, fmt::format("\"{}\"", fmt::join(words, "\" or \"")));
      return {value.get<std::string>()};
    }
    case ValueKind::text:
      return {text(value, field)};
    case ValueKind::list: {
      if (value.is_string()) return {value.get<std::string>()};
      const bool texts = value.is_array() &&
                         std::all_of(value.begin(), value.end(), [](const json& entry) { return entry.is_string(); });
      if (!texts) refuse_type(field, value, "a text in double quotes, or an array of such texts");
      return value.get<std::vector<std::string>>();
    }
    case ValueKind::array:
      if (!value.is_array()) refuse_type(field, value, fmt::format("an array, as {} has it in its file", option.name));
      return {value.dump()};
  }
  return {};
}

constexpr const char* kId = "id";  // the one field that no option stands for

/// Named as the command line's options, for which they stand.
class Fields {
 public:
  explicit Fields(const OptionTable& table) {
    for (const OptionDescription& option : table) {
      if (!option.request_field.empty() && option.belongs_to(Command::generate)) options_.push_back(&option);
    }
  }

  const std::vector<const OptionDescription*>& options() const { return options_; }

  const OptionDescription* option(std::string_view name) const {
    const auto found = std::find_if(options_.begin(), options_.end(),
                                    [&](const OptionDescription* option) { return option->request_field == name; });
    return found == options_.end() ? nullptr : *found;
  }

  /// Every field; those that give a prompt alone.
  std::vector<std::string> names() const {
    std::vector<std::string> names = {kId};
    for (const OptionDescription* option : options_) names.push_back(option->request_field);
    return names;
  }
  std::vector<std::string> prompt_names() const {
    std::vector<std::string> names;
    for (const OptionDescription* option : options_) {
      if (option->one_of == kOneOfPrompts) names.push_back(option->request_field);
    }
    return names;
  }

 private:
  std::vector<const OptionDescription*> options_;
};

constexpr const char* kExample = R"(write {"id": "a", "prompt": "..."})";

json parse(std::string_view line) {
  try {
    json object = parse_json(line, DuplicateKeys::refuse);
    if (object.is_object()) return object;
  } catch (const DuplicateKeyError& error) {
    throw UsageError({error.key(), "is there twice", "give each field once"});
  } catch (const JsonTextError& error) {
    throw UsageError({"request", error.what(), kExample});
  }
  throw UsageError({"request", "is no JSON object", kExample});
}

/// The same of a line that may be no UTF-8, where it or the command line says what to do then.
json parse(std::string_view line, InvalidUtf8 invalid, const Warn& warn) {
  const std::optional<std::size_t> bad = first_invalid_utf8(line);
  if (!bad) return parse(line);
  json object = parse(replaced_utf8(std::string(line), "the line", [](const std::string& /*warning*/) {}));
  const json said = object.value("invalid_utf8", json(nullptr));
  if (said.is_null() ? invalid == InvalidUtf8::refuse : said != "replace") {
    throw UsageError({"request",
                      fmt::format("byte {} (0x{:02X}) is no valid UTF-8", *bad, static_cast<unsigned char>(line[*bad])),
                      "write it in UTF-8, or give --invalid-utf8 replace"});
  }
  replaced_utf8(std::string(line), "the line", warn);
  return object;
}

/// "prompt, prompt_file and prompt_ids".
std::string one_of(const std::vector<std::string>& names) {
  std::string text = names.at(0);
  for (std::size_t i = 1; i < names.size(); ++i) text += (i + 1 < names.size() ? ", " : " and ") + names[i];
  return text;
}

/// The line's own prompt stands in for the command line's.
void choose_prompt(const json& object, const Fields& fields, const OptionTable& table, Options& options) {
  const std::vector<std::string> names = fields.prompt_names();
  const auto given =
      std::count_if(names.begin(), names.end(), [&](const std::string& name) { return object.contains(name); });
  if (given > 1) {
    throw UsageError({"prompt", "is given more than once", fmt::format("give one of {}", one_of(names))});
  }
  const bool has_default = std::any_of(table.begin(), table.end(), [&](const OptionDescription& option) {
    return option.one_of == kOneOfPrompts && !option.value.texts(options).empty();
  });
  if (given == 0 && has_default) return;
  if (given == 0 && !(options.prompt.chat.on && object.contains("question"))) {
    throw UsageError({"prompt", "is not there", fmt::format("give one of {}", one_of(names))});
  }
  for (const OptionDescription& option : table) {
    if (option.one_of != kOneOfPrompts) continue;
    option.value.reset(options);
    if (option.content) option.content->reset(options);
  }
  if (given == 0) options.prompt.text = "";  // a question alone is a message
}

/// Fields that mean nothing where the others are as they are.
std::vector<std::string> check_needs(const json& object, const Fields& fields, const Options& options) {
  std::vector<std::string> warnings;
  for (const OptionDescription* option : fields.options()) {
    if (!object.contains(option->request_field)) continue;
    for (const Need& need : option->needs) {
      if (need.is_met(options)) continue;
      if (need.in_request == Need::Otherwise::error) {
        throw UsageError({option->request_field, need.problem, need.request_advice});
      }
      warnings.push_back(fmt::format("{}: {}", option->request_field, need.problem));
    }
  }
  return warnings;
}

/// Of texts that the line itself gives: those of the command line were looked at before.
void check_fields(const json& object, const Fields& fields, Options& options, const Warn& warn) {
  for (const OptionDescription* option : fields.options()) {
    if (object.contains(option->request_field)) check_texts(*option, option->request_field, options, warn);
  }
}

void check(const PromptOptions& prompt) {
  if (prompt.text && prompt.text->empty() && !(prompt.chat.on && !prompt.question.value_or("").empty())) {
    throw UsageError({"prompt", "is empty", "give it some text"});
  }
}

}  // namespace

void read_request_line(std::string_view text_of_line, RequestLine& line, const OptionTable& table) {
  const Warn warn = [&](const std::string& warning) { line.warnings.push_back(warning); };
  const json object = parse(text_of_line, line.prompt.invalid_utf8, warn);
  if (const auto id = object.find(kId); id != object.end()) line.id = text(*id, kId);
  const Fields fields(table);
  for (const auto& [name, value] : object.items()) {
    if (name == kId || fields.option(name) != nullptr) continue;
    const std::vector<std::string> names = fields.names();
    throw UsageError({name, "is no field of a request",
                      fmt::format("{}fields are {}", did_you_mean(name, names), fmt::join(names, ", "))});
  }
  Options options;
  options.prompt = line.prompt;
  options.filter = line.filter;
  options.generate = line.generate;
  choose_prompt(object, fields, table, options);
  for (const OptionDescription* option : fields.options()) {
    const auto value = object.find(option->request_field);
    if (value == object.end()) continue;
    option->field_value().read(options, texts_of(*value, *option), option->request_field);
  }
  draw_seeds(options);
  for (const std::string& warning : check_needs(object, fields, options)) warn(warning);
  check_fields(object, fields, options, warn);
  check(options.prompt);
  line.prompt = std::move(options.prompt);
  line.filter = options.filter;
  line.generate = options.generate;
}

}  // namespace gemring
