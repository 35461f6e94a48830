// From open models to a session that is ready to run: plan, memory, weights.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "distributed/plan/cost.h"
#include "distributed/session/session.h"
#include "engine/selection/filter_profile.h"
#include "engine/selection/selection.h"
#include "launch/options/options.h"
#include "launch/prompts/model.h"
#include "launch/start/job.h"

namespace gemring {

/// What is asked of the plan: the lengths that memory is counted for.
struct Workload {
  Method method = Method::gemfilter;
  FilterProfile filter = gemfilter_profile(LayerIndex(0));  // Method::gemfilter only
  std::int32_t prompt_tokens = 0;
  std::int32_t keep = 0;  // as in ResolvedSelection; Method::gemfilter only
  std::int32_t new_tokens = 0;
  std::int32_t logit_rows = 1;    // of the last stage; more than one for `gemring logits`
  std::int32_t requests = 1;      // one after the other; more than one for `gemring bench`
  std::int32_t parallel = 0;      // PlanInputs::parallel
  std::uint64_t index_bytes = 0;  // ComputeOptions::index_bytes
  std::uint64_t held_bytes = 0;   // on rank 0, beside what its roles need; what `gemring calibrate` gathers
};

/// Of requests that read `prompt_tokens` tokens and generate `new_tokens`; with Method::full `selection` does not
/// count.
Workload workload_of(Method method, const FilterProfile& filter, std::int32_t prompt_tokens,
                     const ResolvedSelection& selection, std::int32_t new_tokens);

/// What the cluster file says, read by rank 0, the same on every rank; nothing where none is named.
std::optional<ClusterSpec> agree_on_cluster(const Job& job, const RunOptions& options);

/// The plan of that file, or the default one.
ClusterPlan agree_on_plan(const Job& job, const RunOptions& options, Method method, std::int32_t layers, int ranks);

/// The figures that bytes and FLOP follow from.
PlanInputs plan_inputs(const RunOptions& options, const RunModels& models, const Workload& workload,
                       std::int32_t threads_per_rank);

/// rank_costs(), and the logits of `workload.logit_rows` positions on the ranks that hold them.
std::vector<RankCost> workload_costs(const ClusterPlan& plan, const PlanInputs& inputs, const Workload& workload);

/// What each rank's host has available now.
std::vector<HostMemory> gather_memory(const Job& job);

/// What a session was planned from; further requests can be checked against it.
struct PlannedSession {
  ClusterPlan plan;
  PlanInputs inputs;
  FilterProfile filter;
  ComputeOptions compute;
  std::vector<HostMemory> memory;  // before weights are loaded
};

/// Logs the plan and the idle ranks, compares planned bytes with available memory. Throws AgreedError: a bad cluster
/// file (config), not enough memory (resources).
PlannedSession plan_session(const Job& job, const RunOptions& options, const RunModels& models,
                            const Workload& workload);

/// The same of a plan that is there.
PlannedSession plan_session(const Job& job, const RunOptions& options, const RunModels& models,
                            const Workload& workload, ClusterPlan plan);

/// Maps the weights. Throws ModelFileError (a bad tensor).
std::unique_ptr<Session> open_session(const Job& job, const RunModels& models, const PlannedSession& planned);

/// Both.
std::unique_ptr<Session> start_session(const Job& job, const RunOptions& options, const RunModels& models,
                                       const Workload& workload);

}  // namespace gemring
