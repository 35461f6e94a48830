// Options as words: those that a job file passes on, those that a report tells, those that may be shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/options/option.h"

namespace gemring {

/// A value that counts, whether it was given or is the default's.
struct OptionSetting {
  std::string name;  // "--keep"
  std::string text;  // a value of the option; a list has a setting for each
};

/// What `options` come to, in the order of the table: every option of their command that is set and means something.
/// Secrets are left out. This is what a report tells.
std::vector<OptionSetting> settings_of(const OptionTable& table, const Options& options);
std::vector<OptionSetting> settings_of(const Options& options);  // of option_table()

/// The given options that `command` has too, but for those of `except` and for secrets: as words of its command line.
std::vector<std::string> words_for(const OptionTable& table, const std::vector<GivenOption>& given, Command command,
                                   const std::vector<std::string_view>& except);

/// `arguments` with *** for the values of secret options: for messages.
std::vector<std::string> without_secrets(const OptionTable& table, std::vector<std::string> arguments);

}  // namespace gemring
