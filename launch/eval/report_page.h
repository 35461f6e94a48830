// An evaluation as one HTML page that needs no other file.
#pragma once

#include <span>
#include <string>

#include "launch/eval/case_result.h"
#include "launch/eval/result_folder.h"

namespace gemring {

/// Tables, heat maps, wrong answers (some of each method) and the settings.
std::string report_page(std::span<const CaseResult> results, const EvalSettings& settings, const std::string& title);

}  // namespace gemring
