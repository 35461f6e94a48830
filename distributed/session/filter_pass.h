// The filter pass: layers 0..r over the whole prompt, on the ranks of the filter group, a layer at a time. One raw
// product per prompt token for each head that scores.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/zigzag.h"
#include "distributed/session/compute_options.h"
#include "engine/attention/kv_cache.h"
#include "engine/model/decoder_layer.h"
#include "engine/selection/filter_profile.h"

namespace gemring {

/// What a filter rank holds of the model. The caller's, outlives the passes.
struct FilterParts {
  const Embedding* embedding = nullptr;
  std::span<const DecoderLayer> layers;    // 0..r-1
  std::span<const ScoringLayer> scoring;   // one for each layer with a scoring head, ascending; the last is layer r
  const FilterProfile* profile = nullptr;  // whose heads score
};

/// One rank's part of a pass, from step to step. Every member of the group makes the same calls; other passes' steps
/// may lie between two of them.
///
/// Memory of a rank, for the s tokens of its shard: what the pass carries from layer to layer,
///     activations [s, hidden] and rotations [s, head_dim] in f32 for each rope, positions [s], scores [heads, s];
/// and scratch for the layer at hand (workspace, one layer's keys and values, the ring's buffers), of which a pass that
/// waits for another one holds nothing: wait() frees it, the next step makes it again.
class FilterPass {
 public:
  /// prompt: the n ids on the group's first rank, elsewhere empty (other ranks receive only their shard). shards: of
  /// the n positions, the same on every rank of the group (ClusterPlan::filter_shards). What is referred to outlives
  /// this.
  FilterPass(Communicator& group, const ModelConfig& config, const FilterParts& parts, const ComputeOptions& options,
             const ZigzagShards& shards, std::span<const TokenId> prompt);
  ~FilterPass();
  FilterPass(const FilterPass&) = delete;
  FilterPass& operator=(const FilterPass&) = delete;

  /// Of a pass: one for each layer, the scoring one included.
  static std::int32_t steps(std::span<const DecoderLayer> layers) {
    return static_cast<std::int32_t>(layers.size()) + 1;
  }

  /// Called with the share of a layer's work that is done; may be empty.
  using Progress = std::function<void(double)>;

  /// The next layer but the last. One rank alone tells of it on the way, a group of several when it is done.
  void run_layer(const Progress& progress);
  /// The last step. Returns the raw products of each scoring head, [heads, n], in order of position on the first rank,
  /// elsewhere nothing.
  std::vector<float> score();

  /// Another pass goes first: frees the scratch.
  void wait();

 private:
  struct Scratch;
  Scratch& scratch();
  MatrixView<float> x();
  /// Products of the heads of that layer, if it has any that score.
  void score_in(LayerIndex layer);

  Communicator& group_;
  const ModelConfig& config_;
  FilterParts parts_;
  ComputeOptions options_;
  std::vector<ZigzagShards> one_chunk_;
  std::vector<GlobalPosition> positions_;  // of this rank's rows
  RopeTables ropes_;
  Buffer<float> activations_;
  Buffer<float> scores_;  // [heads, rows]
  std::size_t next_layer_ = 0;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace gemring
