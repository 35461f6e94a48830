// How long a plan will take on machines that were measured. Pure: from the plan, the lengths and the rates.
#pragma once

#include <vector>

#include "distributed/plan/cost.h"
#include "distributed/plan/machines.h"

namespace gemring {

struct PredictionOptions {
  double overlap = 0.9;  // share of a message that proceeds while its ranks compute
};

/// One rank's part of a phase. The rest of the phase it waits.
struct RankSeconds {
  double filter = 0;
  double prefill = 0;
  double decode_per_token = 0;
};

/// Wall time of one request, nothing else running. `exposed`: of the phase, messages that no compute hides.
struct PhaseSeconds {
  double seconds = 0;
  double exposed = 0;
};

struct Prediction {
  PhaseSeconds filter;  // 0 where no filter pass runs
  PhaseSeconds select;
  PhaseSeconds prefill;
  PhaseSeconds decode_per_token;
  std::vector<RankSeconds> ranks;

  double first_token() const { return filter.seconds + select.seconds + prefill.seconds; }
  double total(std::int32_t new_tokens) const { return first_token() + (new_tokens - 1) * decode_per_token.seconds; }
};

/// What is counted: matrix products with norms, rotations and activations (as layers were measured), attention, first
/// touches of memory, logits; ring steps, links between stages, scores, logits and tokens on their way. A ring's
/// members wait for each other in each layer, stages work on their chunks one behind the other. Ranks of a host share
/// its cores and its network. Not counted: the tokenizer, loading, the choice of tokens, other loads.
/// `costs`: rank_costs() of plan and inputs.
Prediction predict(const ClusterPlan& plan, const PlanInputs& inputs, const std::vector<RankCost>& costs,
                   const Machines& machines, const PredictionOptions& options);

/// The type in which most of the layers' weights are stored.
DataType layer_weights_type(const PlannedModel& model);

}  // namespace gemring
