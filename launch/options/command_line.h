// The options of one command in CLI11's hands, which no other file knows.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launch/options/command_words.h"
#include "launch/options/option.h"

namespace gemring {

class CommandLine {
 public:
  /// `table` is the caller's and outlives this.
  CommandLine(const OptionTable& table, const CommandWords& words);
  ~CommandLine();

  /// What is given, in the order of the table: on the command line, else by `environment` ("NAME=value"). An option
  /// that was given more than once counts as it was last. Of options that stand in for each other those of the
  /// environment do not count beside one of the command line. nullopt: --help is asked for. Throws UsageError.
  std::optional<std::vector<GivenOption>> parse(const std::vector<std::string>& arguments,
                                                const std::vector<std::string>& environment);

  std::string help() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The heading of `group` in the help of `command`.
std::string heading(Command command, const std::string& group);

}  // namespace gemring
