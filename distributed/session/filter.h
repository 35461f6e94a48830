// First pass: layers 0..r over the whole prompt, on the ranks of the filter group. One score per prompt token.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/session/session.h"
#include "engine/model/decoder_layer.h"

namespace gemring {

/// What a filter rank holds of the model. The caller's, outlives the pass.
struct FilterParts {
  const Embedding* embedding = nullptr;
  std::span<const DecoderLayer> layers;   // 0..r-1
  const ScoringLayer* scoring = nullptr;  // layer r
};

/// prompt: the n ids on the group's first rank, elsewhere empty (other ranks receive only their shard). shards: of the
/// n positions, the same on every rank of the group (ClusterPlan::filter_shards). Returns n raw scores in order of
/// position on the first rank, elsewhere nothing. Memory of a rank: activations, queries and one layer's keys and
/// values of its shard; everything is freed on return.
std::vector<float> filter(Communicator& group, const ModelConfig& config, const FilterParts& parts,
                          const ComputeOptions& options, std::span<const TokenId> prompt, const ZigzagShards& shards,
                          const std::function<void(double, double)>& progress);

}  // namespace gemring
