// How much a service takes of a request, as memory has room for.
#pragma once

#include "launch/cluster/workload.h"
#include "launch/options/options.h"
#include "launch/serve/service_model.h"

namespace gemring {

/// What the options say, else as much as the positions and the memory allow: prompts of what the filter can read, of a
/// windowed filter up to a million tokens, halved until they fit; 4,096 kept tokens and as many new ones. `parallel`
/// answers are in flight, each as long as can be. Throws ConfigError (limits that contradict each other or the model's
/// positions) and ResourceError (what the options say does not fit into memory).
ServiceLimits service_limits(const Options& options, const RunModels& models, const PlannedSession& planned,
                             std::int32_t parallel);

}  // namespace gemring
