#include "launch/options/option_words.h"

#include <fmt/format.h>

#include <algorithm>

namespace gemring {
namespace {

bool means_something(const OptionDescription& option, const Options& options) {
  return std::all_of(option.needs.begin(), option.needs.end(), [&](const Need& need) { return need.is_met(options); });
}

bool is_name_of(const OptionDescription& option, std::string_view word) {
  return option.name == word || std::find(option.aliases.begin(), option.aliases.end(), word) != option.aliases.end();
}

}  // namespace

std::vector<OptionSetting> settings_of(const OptionTable& table, const Options& options) {
  std::vector<OptionSetting> settings;
  for (const OptionDescription& option : table) {
    if (option.derived || option.secret || !option.belongs_to(options.command)) continue;
    if (!means_something(option, options)) continue;
    for (std::string& text : option.value.texts(options)) settings.push_back({option.name, std::move(text)});
  }
  return settings;
}

std::vector<OptionSetting> settings_of(const Options& options) {
  return settings_of(option_table(), options);
}

std::vector<std::string> words_for(const OptionTable& table, const std::vector<GivenOption>& given, Command command,
                                   const std::vector<std::string_view>& except) {
  std::vector<std::string> words;
  for (const GivenOption& entry : given) {
    const OptionDescription& option = *entry.option;
    const bool wanted = !option.secret && std::find(except.begin(), except.end(), option.name) == except.end();
    if (!wanted || find_option(table, command, option.name) == nullptr) continue;
    if (option.value.kind == ValueKind::flag) {
      Options read;
      option.value.read(read, entry.texts, option.name);
      if (option.value.texts(read) != default_texts(option)) words.push_back(option.name);  // the environment may say 0
      continue;
    }
    for (const std::string& text : entry.texts) {
      const bool looks_like_option = text.starts_with('-');
      words.push_back(looks_like_option ? fmt::format("{}={}", option.name, text) : option.name);
      if (!looks_like_option) words.push_back(text);
    }
  }
  return words;
}

std::vector<std::string> without_secrets(const OptionTable& table, std::vector<std::string> arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const bool is_short = arguments[i].size() > 2 && arguments[i][0] == '-' && arguments[i][1] != '-';  // -kVALUE
    const std::size_t equals = is_short ? 2 : std::min(arguments[i].size(), arguments[i].find('='));
    const std::string name = arguments[i].substr(0, equals);
    const bool secret = std::any_of(table.begin(), table.end(), [&](const OptionDescription& option) {
      return option.secret && is_name_of(option, name);
    });
    if (!secret) continue;
    if (equals < arguments[i].size()) {
      arguments[i] = name + (is_short ? "***" : "=***");
    } else if (i + 1 < arguments.size()) {
      arguments[++i] = "***";
    }
  }
  return arguments;
}

}  // namespace gemring
