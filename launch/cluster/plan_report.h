// Plans and simulated points as JSON and tables.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "distributed/plan/recommend.h"

namespace gemring {

/// A plan without machines: `run.prediction` is not there.
std::string plan_json(const PlannedRun& run, bool has_seconds, const std::optional<PlannedRun>& recommended);

/// The groups of a plan as a cluster file says them.
std::string groups_json(const ClusterSpec& spec);

/// One number of ranks of a scaling study on paper.
struct SimulatedRun {
  std::string scaling;  // "strong", "weak"
  PlannedRun run;
  double speed_up = 1;
  double efficiency = 1;
};

/// Sets speed-up and efficiency against the first one, which has the fewest ranks. All of one kind of scaling.
void compare_with_first(std::vector<SimulatedRun>& runs);

/// What most of the seconds of a request wait for; "memory" where it does not fit.
std::string limit_of_run(const PlannedRun& run);

std::string simulation_table(const std::vector<SimulatedRun>& runs);
std::string simulation_lines(const std::vector<SimulatedRun>& runs);

}  // namespace gemring
