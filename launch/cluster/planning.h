// What `gemring plan` and `gemring simulate` share: the request on paper, and what seconds are counted from.
#pragma once

#include <optional>

#include "distributed/plan/recommend.h"
#include "launch/cluster/workload.h"
#include "launch/options/options.h"
#include "launch/prompts/model.h"
#include "launch/start/job.h"

namespace gemring {

/// The request the plan is for, of the given length; refuses what the models' positions cannot hold. Throws UsageError
/// and ConfigError.
Workload workload_of(const Options& options, const RunModels& models, const FilterProfile& filter, std::int32_t tokens);

/// The length that is asked for; unset: the limit of the model that reads the prompt, at most 16384.
std::int32_t planned_tokens(const Options& options, const RunModels& models);

/// Everything that predictions need, where `spec` describes machines. Products are of the types that they were measured
/// with, unless --compute asks for others.
std::optional<SearchInputs> search_inputs(const Options& options, const RunModels& models, const Workload& workload,
                                          const std::optional<ClusterSpec>& spec);

/// Warns of what predictions for up to `ranks` ranks want and nobody measured: layers of these weights, links.
void warn_of_gaps(const SearchInputs& search, int ranks, const MachineWishes& wishes);

/// --ranks-per-host and --threads.
MachineWishes wishes_of(const Options& options);

/// The file's groups; what it does not say is the default plan's.
ClusterSpec groups_of(const std::optional<ClusterSpec>& spec);

}  // namespace gemring
