// Files that a run reads and would write over.
#pragma once

#include <vector>

#include "launch/options/option.h"

namespace gemring {

/// Throws UsageError naming both options where an option's output is the very file that another one reads or writes too
/// (under whatever name), or one of the model's files, or what standard input was redirected from; where another option
/// names what lies in an output directory, or that itself. Pipes and devices may be named twice.
/// `reads_standard_input`: the prompt comes from there, and no option says so.
void refuse_clashing_files(const std::vector<GivenOption>& given, bool reads_standard_input);

}  // namespace gemring
