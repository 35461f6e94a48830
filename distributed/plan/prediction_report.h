// Predictions as tables for people.
#pragma once

#include <string>

#include "distributed/plan/recommend.h"

namespace gemring {

/// Seconds of each rank and phase, the totals, and what limits each phase.
std::string describe_prediction(const PlannedRun& run);

/// "12.3 s", "45.6 ms".
std::string seconds_text(double seconds);

/// What a phase waits for: "links" where messages that nothing hides take more than half of it, else `else_limit`.
std::string limit_of(const PhaseSeconds& phase, const std::string& else_limit);

}  // namespace gemring
