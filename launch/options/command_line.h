// The options of one command in CLI11's hands. Only options.cpp and command_line.cpp know it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "launch/options/options.h"

namespace gemring {

struct CommandWords {
  Command command;
  std::string_view name;
  std::string_view description;
};

class CommandLine {
 public:
  /// With `prompt_from_environment` false, GEMRING_PROMPT and its kin are not read.
  CommandLine(const CommandWords& words, bool prompt_from_environment);
  ~CommandLine();

  /// The text of --help where it is asked for. Throws UsageError.
  std::optional<std::string> parse(const std::vector<std::string>& arguments);

  const Options& options() const;

  /// The options that were given, on the command line or by the environment, and that `other` has too, but for
  /// `except`: as words of its command line.
  std::vector<std::string> words_for(const CommandLine& other, std::string_view except) const;

  std::vector<std::string> variables() const;  // environment variables of the options

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gemring
