// parse_command_line() for any table of options and any environment.
#pragma once

#include <string>
#include <vector>

#include "launch/options/option.h"

namespace gemring {

/// As parse_command_line(arguments), with the options of `table` and the variables of `environment` ("NAME=value").
ParsedCommandLine parse_command_line(const OptionTable& table, const std::vector<std::string>& arguments,
                                     const std::vector<std::string>& environment);

}  // namespace gemring
