#include "launch/options/option.h"

#include <algorithm>

namespace gemring {

std::string input_name(const std::string& file) {
  return file == "-" ? "standard input" : file;
}

bool OptionDescription::belongs_to(Command command) const {
  return std::find(commands.begin(), commands.end(), command) != commands.end();
}

const OptionDescription* find_option(const OptionTable& table, Command command, std::string_view name) {
  for (const OptionDescription& option : table) {
    if (option.derived || !option.belongs_to(command)) continue;
    const auto& aliases = option.aliases;
    if (option.name == name || std::find(aliases.begin(), aliases.end(), name) != aliases.end()) return &option;
  }
  return nullptr;
}

std::vector<std::string> default_texts(const OptionDescription& option) {
  return option.value.texts(Options{});
}

}  // namespace gemring
