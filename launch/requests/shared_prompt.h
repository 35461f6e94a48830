// The prompt that the command line gives to lines of --requests without one, and whether there was such a line.
#pragma once

#include <optional>
#include <string>

#include "launch/options/option_words.h"

namespace gemring {

class SharedPrompt {
 public:
  /// `given` by the command line.
  explicit SharedPrompt(const PromptOptions& given);

  /// Of a line that was read.
  void look_at(const PromptOptions& line);

  /// The option that gives it, where every line had a prompt of its own.
  std::optional<std::string> unused() const;

 private:
  std::optional<OptionSetting> given_;
  bool any_line_ = false;
  bool used_ = false;
};

}  // namespace gemring
