#include "launch/options/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "engine/base/format.h"
#include "launch/options/command_words.h"
#include "launch/options/environment.h"

namespace gemring {
namespace {

/// As a cell of a table: one line, without what Markdown takes for its own.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\n') {
      escaped += ' ';
    } else if (c == '<') {
      escaped += "&lt;";
    } else {
      if (c == '|' || c == '*') escaped += '\\';
      escaped += c;
    }
  }
  return escaped;
}

/// "1000000000" as "1,000,000,000", where it is a whole number.
std::string readable(const std::string& number) {
  const bool whole =
      !number.empty() && std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
  return whole ? grouped(std::stoull(number)) : number;
}

std::string range_of(const Bounds& bounds) {
  return fmt::format("{}{}{} to {}", bounds.odd ? "odd, " : "", bounds.above_least ? "above " : "",
                     readable(bounds.least), readable(bounds.most));
}

/// What the option takes: "TOKENS: 1 to 1,000,000,000 (256)".
std::string values_of(const OptionDescription& option) {
  std::string text = option.type;
  if (!option.value.choices.empty()) text = fmt::format("{}", fmt::join(option.value.choices, ", "));
  if (option.value.bounds) text += ": " + range_of(*option.value.bounds);
  if (option.value.kind == ValueKind::flag) return {};
  if (option.value.kind == ValueKind::list) text += ", any number of times";
  const std::vector<std::string> standard = default_texts(option);
  if (!standard.empty() && !standard[0].empty() && option.is_option() && !option.secret) {
    text += fmt::format(" ({})", standard[0]);
  }
  return text;
}

std::string names_of(const std::vector<Command>& commands) {
  std::string names;
  for (const Command command : commands) names += (names.empty() ? "" : ", ") + std::string(words_of(command).name);
  return names;
}

std::string meaning_of(const OptionDescription& option) {
  std::string text = option.help;
  for (const Need& need : option.needs) text += fmt::format("; {}", need.problem);
  if (!option.required_by.empty()) {
    const bool by_all = option.required_by.size() == option.commands.size();
    text += by_all ? "; required" : "; required by " + names_of(option.required_by);
  }
  if (option.secret) text += "; a secret: in no job file, no report and no log";
  return text;
}

std::string row_of(const OptionDescription& option) {
  std::string names = fmt::format("`{}`", option.name);
  for (const std::string& alias : option.aliases) names += fmt::format(", `{}`", alias);
  const bool of_all = option.commands.size() == all_commands().size();
  const std::string commands = of_all ? "all" : names_of(option.commands);
  const std::string variable = option.is_option() ? fmt::format("`{}`", option_variable(option.name)) : std::string();
  std::string field = option.request_field.empty() ? std::string() : fmt::format("`{}`", option.request_field);
  if (option.content) field += ": the array itself";
  return fmt::format("| {} | {} | {} | {} | {} | {} |\n", names, cell(values_of(option)), cell(meaning_of(option)),
                     commands, variable, field);
}

}  // namespace

std::string reference_page(const OptionTable& table) {
  std::vector<std::string> groups;
  for (const OptionDescription& option : table) {
    if (option.derived || std::find(groups.begin(), groups.end(), option.group) != groups.end()) continue;
    groups.push_back(option.group);
  }
  std::string page;
  for (const std::string& group : groups) {
    page += fmt::format(
        "{}### {}\n\n| option | values (default) | meaning | commands | environment | field of a request |\n"
        "|---|---|---|---|---|---|\n",
        page.empty() ? "" : "\n", group);
    for (const OptionDescription& option : table) {
      if (!option.derived && option.group == group) page += row_of(option);
    }
  }
  return page;
}

}  // namespace gemring
