// What this rank holds of the models: the tensors of its roles, each mapped once.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "distributed/plan/cluster_plan.h"
#include "distributed/session/session_models.h"
#include "engine/model/layer_stack.h"
#include "engine/selection/filter_profile.h"

namespace gemring {

struct ModelParts {
  std::shared_ptr<const Embedding> filter_embedding;  // filter ranks
  std::vector<DecoderLayer> filter_layers;            // 0..r-1 of a filter rank
  std::vector<ScoringLayer> scoring;           // layers with scoring heads of a filter rank, ascending; the last is r
  std::shared_ptr<const Embedding> embedding;  // first stage; the filter's where one checkpoint does both
  std::optional<LayerStack> stage_layers;      // of a stage rank
  std::optional<OutputHead> head;              // last stage
};

/// Maps and checks the weights of `rank`. Throws ModelFileError.
ModelParts load_parts(const SessionModels& models, const ClusterPlan& plan, RankId rank, const FilterProfile& filter);

}  // namespace gemring
