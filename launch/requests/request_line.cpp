#include "launch/requests/request_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/base/error.h"
#include "launch/prompts/prompt.h"

namespace gemring {
namespace {

using nlohmann::json;

constexpr int kDeepest = 8;  // a request is an object of values and one array

[[noreturn]] void refuse_type(const char* field, const json& value, const char* wanted) {
  constexpr std::size_t kShown = 60;
  std::string shown = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (shown.size() > kShown) shown = fmt::format("{} of {} bytes", value.type_name(), shown.size());
  throw UsageError({field, fmt::format("is {}", shown), fmt::format("give {}", wanted)});
}

std::string text(const json& value, const char* field) {
  if (!value.is_string()) refuse_type(field, value, "a text in double quotes");
  return value.get<std::string>();
}

bool truth(const json& value, const char* field) {
  if (!value.is_boolean()) refuse_type(field, value, "true or false");
  return value.get<bool>();
}

float number(const json& value, const char* field) {
  if (!value.is_number()) refuse_type(field, value, "a number");
  return value.get<float>();
}

std::int32_t count(const json& value, const char* field) {
  constexpr auto kMost = std::numeric_limits<std::int32_t>::max();
  const bool fits = value.is_number_unsigned() ? value.get<std::uint64_t>() <= kMost
                                               : value.is_number_integer() && value.get<std::int64_t>() >= -kMost;
  if (!fits) refuse_type(field, value, "a whole number below 2^31");
  return value.get<std::int32_t>();
}

std::uint64_t seed(const json& value, const char* field) {
  if (!value.is_number_unsigned()) refuse_type(field, value, "a whole number from 0 on");
  return value.get<std::uint64_t>();
}

SelectionPolicy policy(const json& value, const char* field) {
  if (value == "forced") return SelectionPolicy::forced;
  if (value == "paper") return SelectionPolicy::paper;
  refuse_type(field, value, R"("forced" or "paper")");
}

enum class Use { any, prompt, chat, selection };  // what a field belongs to

struct Field {
  const char* name;
  Use use;
  void (*read)(const json& value, const char* name, RequestLine& line);
};

// Named as the command line's options, for which they stand.
const Field kFields[] = {
    {"id", Use::any, [](const json& v, const char* name, RequestLine& line) { line.id = text(v, name); }},
    {"prompt", Use::prompt,
     [](const json& v, const char* name, RequestLine& line) { line.prompt.text = text(v, name); }},
    {"prompt_file", Use::prompt,
     [](const json& v, const char* name, RequestLine& line) { line.prompt.file = text(v, name); }},
    {"prompt_ids", Use::prompt, [](const json&, const char*, RequestLine&) {}},  // read with the vocabulary
    {"question", Use::any,
     [](const json& v, const char* name, RequestLine& line) { line.prompt.question = text(v, name); }},
    {"system", Use::chat,
     [](const json& v, const char* name, RequestLine& line) { line.prompt.chat.system = text(v, name); }},
    {"answer_prefix", Use::chat,
     [](const json& v, const char* name, RequestLine& line) { line.prompt.chat.answer_prefix = text(v, name); }},
    {"keep", Use::selection,
     [](const json& v, const char* name, RequestLine& line) { line.filter.selection.keep = count(v, name); }},
    {"pool", Use::selection,
     [](const json& v, const char* name, RequestLine& line) { line.filter.selection.pool_width = count(v, name); }},
    {"keep_first", Use::selection,
     [](const json& v, const char* name, RequestLine& line) { line.filter.selection.keep_first = count(v, name); }},
    {"keep_last", Use::selection,
     [](const json& v, const char* name, RequestLine& line) { line.filter.selection.keep_last = count(v, name); }},
    {"selection", Use::selection,
     [](const json& v, const char* name, RequestLine& line) { line.filter.selection.policy = policy(v, name); }},
    {"max_new_tokens", Use::any,
     [](const json& v, const char* name, RequestLine& line) { line.generate.max_new_tokens = count(v, name); }},
    {"ignore_eos", Use::any,
     [](const json& v, const char* name, RequestLine& line) { line.generate.ignore_eos = truth(v, name); }},
    {"temperature", Use::any,
     [](const json& v, const char* name, RequestLine& line) { line.generate.sampling.temperature = number(v, name); }},
    {"top_k", Use::any,
     [](const json& v, const char* name, RequestLine& line) { line.generate.sampling.top_k = count(v, name); }},
    {"top_p", Use::any,
     [](const json& v, const char* name, RequestLine& line) { line.generate.sampling.top_p = number(v, name); }},
    {"seed", Use::any,
     [](const json& v, const char* name, RequestLine& line) { line.generate.sampling.seed = seed(v, name); }},
};

const Field* field_named(const std::string& name) {
  const auto* const found =
      std::find_if(std::begin(kFields), std::end(kFields), [&](const Field& field) { return name == field.name; });
  return found == std::end(kFields) ? nullptr : found;
}

std::string field_names() {
  std::string names;
  for (const Field& field : kFields) names += (names.empty() ? "" : ", ") + std::string(field.name);
  return names;
}

constexpr const char* kExample = R"(write {"id": "a", "prompt": "..."})";

/// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ...; last read: ...": the line is
/// always 1, and what was read may be no UTF-8.
std::string problem_of(const std::string& what) {
  const std::size_t begin = what.find("column ");
  if (begin == std::string::npos) return what;
  return what.substr(begin, what.find("; last read") - begin);
}

json parse(std::string_view line) {
  std::set<std::string> keys;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > kDeepest) throw UsageError({"request", fmt::format("is nested deeper than {} levels", kDeepest), ""});
    if (event == json::parse_event_t::key && depth == 1 && !keys.insert(value.get<std::string>()).second) {
      throw UsageError({value.get<std::string>(), "is there twice", "give each field once"});
    }
    return true;
  };
  try {
    if (line.find('\0') != std::string_view::npos) throw UsageError({"request", "holds a zero byte", ""});
    json object = json::parse(line, watch);
    if (object.is_object()) return object;
  } catch (const json::exception& error) {
    throw UsageError({"request", fmt::format("is no JSON: {}", problem_of(error.what())), kExample});
  }
  throw UsageError({"request", "is no JSON object", kExample});
}

/// The line's own prompt stands in for the command line's.
void choose_prompt(const json& object, RequestLine& line) {
  const auto given = std::count_if(std::begin(kFields), std::end(kFields), [&](const Field& field) {
    return field.use == Use::prompt && object.contains(field.name);
  });
  if (given > 1) {
    throw UsageError({"prompt", "is given more than once", "give one of prompt, prompt_file and prompt_ids"});
  }
  PromptOptions& prompt = line.prompt;
  const bool has_default = prompt.text || prompt.file || prompt.ids_file || prompt.chat.user_file;
  if (given == 0 && has_default) return;
  if (given == 0 && !(prompt.chat.on && object.contains("question"))) {
    throw UsageError({"prompt", "is not there", "give one of prompt, prompt_file and prompt_ids"});
  }
  prompt.text.reset();
  prompt.file.reset();
  prompt.ids_file.reset();
  prompt.chat.user_file.reset();
  if (given == 0) prompt.text = "";  // a question alone is a message
}

void check(const json& object, const RequestLine& line) {
  const PromptOptions& prompt = line.prompt;
  for (const Field& field : kFields) {
    if (!object.contains(field.name)) continue;
    if (field.use == Use::chat && !prompt.chat.on) {
      throw UsageError({field.name, "means nothing without --chat", "start gemring with --chat, or leave it out"});
    }
    if (field.use == Use::selection && line.filter.method == Method::full) {
      throw UsageError({field.name, "means nothing with --method full", "leave it out"});
    }
  }
  if ((line.prompt_ids || prompt.ids_file) && (prompt.question || prompt.chat.on)) {
    throw UsageError({"prompt_ids", fmt::format("go with no {}", prompt.chat.on ? "--chat" : "question"),
                      "give the prompt as text, or all of it as ids"});
  }
  if (prompt.text && prompt.text->empty() && !(prompt.chat.on && !prompt.question.value_or("").empty())) {
    throw UsageError({"prompt", "is empty", "give it some text"});
  }
  if (line.generate.max_new_tokens < 1) {
    throw UsageError(
        {"max_new_tokens", fmt::format("{} is too small", line.generate.max_new_tokens), "give 1 or more"});
  }
  validate(line.generate.sampling);
}

}  // namespace

void read_request_line(std::string_view text_of_line, std::int32_t vocab, RequestLine& line) {
  const json object = parse(text_of_line);
  if (const auto id = object.find("id"); id != object.end()) line.id = text(*id, "id");
  for (const auto& [name, value] : object.items()) {
    if (field_named(name) != nullptr) continue;
    throw UsageError({name, "is no field of a request", fmt::format("fields are {}", field_names())});
  }
  choose_prompt(object, line);
  for (const auto& [name, value] : object.items()) {
    const Field& field = *field_named(name);
    field.read(value, field.name, line);
  }
  if (const auto ids = object.find("prompt_ids"); ids != object.end()) {
    line.prompt_ids = parse_ids(ids->dump(), "prompt_ids", vocab);
  }
  check(object, line);
}

}  // namespace gemring
