// The commands: names, what --help says of them, what of its footer concerns them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "launch/options/options.h"

namespace gemring {

struct CommandWords {
  Command command;
  std::string_view name;
  std::string_view description;
  std::string_view example;  // the option that shows what an environment variable is called
  bool computes = true;      // with kernels, whose choice the footer explains
};

std::span<const CommandWords> all_commands();
const CommandWords& words_of(Command command);

/// Throws UsageError, with the name that is meant perhaps.
const CommandWords& command_named(const std::string& name);

/// `gemring --help`.
std::string general_help();

}  // namespace gemring
