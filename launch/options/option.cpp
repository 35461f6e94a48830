#include "launch/options/option.h"

#include <algorithm>

namespace gemring {
namespace {

bool is_one_of(const std::vector<Command>& commands, Command command) {
  return std::find(commands.begin(), commands.end(), command) != commands.end();
}

}  // namespace

bool Need::concerns(Command command) const {
  return commands.empty() || is_one_of(commands, command);
}

std::string input_name(const std::string& file) {
  return file == "-" ? "standard input" : file;
}

bool OptionDescription::belongs_to(Command command) const {
  return is_one_of(commands, command);
}

bool OptionDescription::is_required_by(Command command) const {
  return is_one_of(required_by, command);
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
