// Command lines as the program reads them, and what it says of those that it refuses. Header only.
#pragma once

#include <string>
#include <vector>

#include "engine/base/error.h"
#include "launch/options/options.h"

namespace gemring::test {

inline Options parse(const std::vector<std::string>& arguments) {
  return parse_command_line(arguments).options;
}

inline std::string usage_problem(const std::vector<std::string>& arguments) {
  try {
    parse_command_line(arguments);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace gemring::test
