// The exact filter pass (GemFilter, arXiv 2409.17422): a layer at a time over the whole prompt, whose zigzag shards
// meet in ring attention.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "distributed/plan/zigzag.h"
#include "distributed/session/filter_pass.h"
#include "engine/attention/kv_cache.h"
#include "engine/selection/asking_tokens.h"

namespace gemring {

/// Memory of a rank, for the s tokens of its shard: what the pass carries from layer to layer,
///     activations [s, hidden] and rotations [s, head_dim] in f32 for each rope, positions [s], scores [heads, s];
/// and scratch for the layer at hand (workspace, one layer's keys and values, the ring's buffers), of which a pass that
/// waits for another one holds nothing: wait() frees it, the next step makes it again.
class ExactFilterPass final : public FilterPass {
 public:
  /// prompt: the n ids on the group's first rank, elsewhere empty. shards: of the n positions, the same on every rank
  /// of the group (ClusterPlan::filter_shards). What is referred to outlives this.
  ExactFilterPass(Communicator& group, const ModelConfig& config, const FilterParts& parts,
                  const ComputeOptions& options, const ZigzagShards& shards, const AskingTokens& asking,
                  std::span<const TokenId> prompt);
  ~ExactFilterPass() override;

  /// A layer. One rank alone tells of it on the way, a group of several when it is done.
  void run_step(const Progress& progress) override;
  std::vector<float> score() override;
  KeptReading kept() override { return {}; }  // every layer would be needed again
  void wait() override;

 private:
  struct Scratch;
  Scratch& scratch();
  MatrixView<float> x();
  std::size_t columns() const;
  /// Products of the heads of that layer, if it has any that score.
  void score_in(LayerIndex layer);

  Communicator& group_;
  const ModelConfig& config_;
  FilterParts parts_;
  ComputeOptions options_;
  std::vector<ZigzagShards> one_chunk_;
  AskingTokens asking_;
  std::vector<GlobalPosition> positions_;  // of this rank's rows
  RopeTables ropes_;
  Buffer<float> activations_;
  Buffer<float> scores_;  // [columns, rows]
  std::size_t next_layer_ = 0;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace gemring
