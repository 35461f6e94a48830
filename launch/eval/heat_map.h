// Accuracy of one method as a picture: depths (or tasks) by lengths.
#pragma once

#include <span>
#include <string>

#include "launch/eval/case_result.h"

namespace gemring {

/// SVG with a cell for each length and row: its accuracy in percent and below it the recall. Rows are depths where all
/// cases are of one task that has them, else tasks.
std::string heat_map(std::span<const CaseResult> results, const std::string& method, const std::string& title);

/// "heatmap-METHOD.svg", where METHOD has nothing in it that file names should not have.
std::string heat_map_file(const std::string& method);

}  // namespace gemring
