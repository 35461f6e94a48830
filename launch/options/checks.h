// What options mean together: what is refused, what is warned of.
#pragma once

#include <string>
#include <vector>

#include "launch/options/option.h"

namespace gemring {

/// Throws UsageError: a given option that means nothing here; options that do not go together; one that is missing.
/// Returns what is to be warned of.
std::vector<std::string> check_options(const OptionTable& table, const Options& options,
                                       const std::vector<GivenOption>& given);

}  // namespace gemring
