// The reference page of the options: tables in Markdown, which stand in launch/README.md.
#pragma once

#include <string>

#include "launch/options/option.h"

namespace gemring {

/// A table for each group of options: name and aliases, values with range and default, meaning, commands, variable of
/// the environment, field of a request. `gemring --reference` prints it; launch/tools/renew-reference writes it into
/// launch/README.md.
std::string reference_page(const OptionTable& table);

}  // namespace gemring
