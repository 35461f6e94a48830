#include "launch/cluster/job_files/template.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>

#include "engine/base/check.h"

namespace gemring {
namespace {

/// The name of the place that begins at `at`; empty where none does: "@name@".
std::string place_at(const std::string& line, std::size_t at) {
  if (line[at] != '@') return {};
  std::size_t end = at + 1;
  while (end < line.size() && (std::islower(static_cast<unsigned char>(line[end])) != 0 || line[end] == '_')) ++end;
  return end < line.size() && line[end] == '@' ? line.substr(at + 1, end - at - 1) : std::string();
}

std::set<std::string> places(const std::string& line) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const std::string name = place_at(line, i);
    if (name.empty()) continue;
    names.insert(name);
    i += name.size() + 1;
  }
  return names;
}

/// The line with the copy-th of each value, or the only one.
std::string filled(const std::string& line, const TemplateValues& values, std::size_t copy) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const std::string name = place_at(line, i);
    if (name.empty()) {
      text += line[i];
      continue;
    }
    const std::vector<std::string>& value = values.at(name);
    text += value.at(value.size() == 1 ? 0 : copy);
    i += name.size() + 1;
  }
  return text + "\n";
}

}  // namespace

std::string fill_template(std::string_view text, const TemplateValues& values) {
  std::istringstream lines{std::string(text)};
  std::set<std::string> used;
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    std::size_t copies = 1;
    for (const std::string& name : places(line)) {
      GEMRING_CHECK(values.contains(name), "no value for @{}@", name);
      used.insert(name);
      const std::size_t count = values.at(name).size();
      copies = count == 1 ? copies : count == 0 ? 0 : std::min(copies, std::size_t{1}) * count;
    }
    for (std::size_t copy = 0; copy < copies; ++copy) result += filled(line, values, copy);
  }
  for (const auto& [name, value] : values) {
    GEMRING_CHECK(value.empty() || used.contains(name), "the template has no place for {}", name);
  }
  return result;
}

}  // namespace gemring
