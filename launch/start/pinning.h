// What this process may say of its cores, and its threads put on those that placement.h chose.
#pragma once

#include <string>
#include <vector>

#include "launch/start/placement.h"

namespace gemring {

/// Looks at the process's mask, its node, its control groups and `environment` ("NAME=value", as it stood before MPI
/// started). Places that a user names (OMP_PLACES, GOMP_CPU_AFFINITY) count as a mask of theirs, with all their
/// processors; where they leave none of this process's, its own mask counts, and a warning says so.
RankCores look_at_cores(const std::vector<std::string>& environment);

/// Sets the number of OpenMP threads and where they run; all other threads may use the rank's whole share. Call before
/// the first parallel region that matters.
void apply(const Placement& placement);

/// This process's threads let others of the host go first: a third of their weight (nice 5) where there are more of
/// them than cores. Call after apply().
void step_back();

}  // namespace gemring
