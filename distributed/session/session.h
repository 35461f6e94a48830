// A request from prompt to generated tokens, over all ranks. Every rank calls generate() with the same options.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/cluster_plan.h"
#include "distributed/session/compute_options.h"
#include "distributed/session/request.h"
#include "distributed/session/session_models.h"
#include "engine/model/config.h"
#include "engine/selection/filter_profile.h"
#include "engine/weights/tensor_source.h"

namespace gemring {

/// Holds this rank's weights (only the layers the plan gives it) and runs requests. Collective: every rank makes one.
class Session {
 public:
  /// Maps and checks this rank's weights. The filter group's layers are 0..filter.filter_layer() of models.filter, the
  /// plan's those of models.answer. Throws ModelFileError (missing tensor, wrong shape or type).
  Session(Communicator& world, const SessionModels& models, const ClusterPlan& plan, const FilterProfile& filter,
          const ComputeOptions& options);
  /// Of one checkpoint that filters and answers.
  Session(Communicator& world, const ModelConfig& config, const TensorSource& weights, const ClusterPlan& plan,
          const FilterProfile& filter, const ComputeOptions& options);
  ~Session();

  /// Throws the request's error, where its logits or scores are no numbers.
  GenerationResult generate(const GenerationRequest& request);

  /// Several requests, results in their order; one that failed has an error for a result. At most `sequences` of them
  /// are between their prefill and their end on the stages, while rank 0 filters the next one; what a request answers
  /// does not depend on the others. Every rank gives as many.
  std::vector<GenerationResult> generate(std::span<const GenerationRequest> requests, std::int32_t sequences);

  /// The same for as many requests as `source` has, asked on rank 0. Each gets its result through its own on_end, as
  /// soon as it is there, in whatever order they end. What the source throws ends it: the requests in flight are
  /// answered first, then rank 0 throws it.
  JobReport generate(class RequestSource& source, std::int32_t sequences);

  /// Logits of the last `rows` prompt positions, [rows, vocab] row-major, on rank 0 (elsewhere empty). Method::full
  /// only.
  std::vector<float> logits(const std::vector<TokenId>& prompt, std::int32_t rows);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gemring
