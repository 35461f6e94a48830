// What every head of every layer says of prompts: filter passes alone, on all ranks as one group. For calibration.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/cluster_plan.h"
#include "distributed/session/compute_options.h"
#include "distributed/session/filter_pass.h"
#include "distributed/session/model_parts.h"
#include "engine/model/config.h"
#include "engine/weights/tensor_source.h"

namespace gemring {

/// All ranks filter, with equal shares; there are no stages.
ClusterPlan evidence_plan(int ranks, std::int32_t layers);

/// All heads of the first `layers` layers, layer by layer, with so many queries: more columns than a profile that
/// people write may have.
FilterProfile every_head(const ModelConfig& config, std::int32_t layers, std::int32_t queries);

/// What queries see: FilterProfile::window and sinks.
struct Look {
  std::int32_t window = 0;
  std::int32_t sinks = 0;
};

/// Holds this rank's weights, of the layers that score. Collective: every rank makes one, with the same arguments.
class EvidenceRun {
 public:
  /// Maps and checks the weights. `plan`: of evidence_plan(). `heads`: of every_head(). Throws ModelFileError.
  EvidenceRun(Communicator& world, const ModelConfig& config, const TensorSource& weights, const ClusterPlan& plan,
              const ComputeOptions& options, FilterProfile heads);

  /// One prompt of n tokens, whose ids rank 0 gives; every rank says n, question_span() and how far layers look.
  /// Returns raw products, [layers x heads, AskingTokens::count, n] by layer, then head, on rank 0; elsewhere nothing.
  /// `progress`: with the share that is done.
  std::vector<float> run(std::span<const TokenId> prompt, std::int32_t n, std::int32_t span, const Look& look,
                         const FilterPass::Progress& progress);

 private:
  Communicator& world_;
  ModelConfig config_;
  ClusterPlan plan_;
  ComputeOptions options_;
  FilterProfile heads_;
  ModelParts parts_;
};

}  // namespace gemring
