// Ranks and threads of a job on nodes that are alike, and whether the plan fits them. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "distributed/plan/cost.h"
#include "launch/options/job_options.h"

namespace gemring {

/// One node, every option filled in.
struct NodeShape {
  std::int32_t cores = 1;  // physical
  std::int32_t numa = 1;
  std::optional<std::uint64_t> memory_bytes = {};  // unset: whatever the plan needs
  std::string source = {};                         // where the cores come from, for the file: "--cores-per-node"
};

/// How a job is laid out, and why.
struct JobShape {
  std::int32_t nodes = 1;
  std::int32_t ranks_per_node = 1;
  std::int32_t threads = 1;          // of each rank
  std::vector<std::string> reasons;  // sentences
  ClusterPlan plan;
  std::vector<std::uint64_t> node_bytes;  // what the plan needs on each node
  std::size_t fullest() const;            // the node that needs most
  std::int32_t ranks() const { return nodes * ranks_per_node; }
};

/// What a plan for so many ranks costs with so many threads each.
struct PlannedJob {
  ClusterPlan plan;
  std::vector<RankCost> costs;
  PlanInputs inputs;
};
using PlanJob = std::function<PlannedJob(std::int32_t ranks, std::int32_t threads)>;

/// --ranks-per-node where it is given; else one rank for each NUMA node, or one for the whole node where so many ranks
/// find no work or no room. Node i has ranks i R .. i R + R - 1. Throws UsageError (more ranks or threads than cores,
/// ranks without work) and ResourceError (no room), each with what could be done.
JobShape choose_shape(const JobOptions& options, std::optional<std::int32_t> threads, const NodeShape& node,
                      const PlanJob& plan_job);

/// MiB to ask for on every node: what the user gave, else a tenth and 1 GiB more than the fullest node needs, for what
/// the plan does not count: the page cache's own, messages in shared memory.
std::uint64_t memory_to_ask_for(const JobShape& shape, const NodeShape& node);

}  // namespace gemring
