// Layers and shares of positions by the machines' speed, within their memory. Pure.
#pragma once

#include <string>
#include <vector>

#include "distributed/plan/cost.h"
#include "distributed/plan/machines.h"

namespace gemring {

/// Shares in proportion to `speeds`, in 64ths of the largest, at least 1; empty where they come out equal.
///     speeds 1, 0.5, 0.26 -> 64 32 17
Shares shares_by_speed(const std::vector<double>& speeds);

/// `layers` whole layers in proportion to `speeds`, at least one each: first the whole parts, then one by one to the
/// largest remainder, of equal ones to the first.
///     14 layers, speeds 1, 1, 0.5 -> 5.6, 5.6, 2.8 -> 5 5 2 and two more: 6 5 3
std::vector<std::int32_t> layers_by_speed(std::int32_t layers, const std::vector<double>& speeds);

/// Sets what the cluster file left open (StagePlan::layers_open and its like), and the plan's links.
void balance_by_speed(ClusterPlan& plan, const Machines& machines);

/// Where a host needs more than it has, moves open layers one by one to the stage that has most room, else lowers the
/// host's open shares, as long as that helps. A plan that fits comes back as it is; whether it fits in the end
/// check_memory() says.
ClusterPlan fit_to_memory(ClusterPlan plan, const PlanInputs& inputs, const std::vector<HostMemory>& hosts);

}  // namespace gemring
