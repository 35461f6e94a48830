// What a rank of a stage keeps of one sequence: which positions are its own, their rotations, their keys and values.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/pipeline/link_table.h"
#include "distributed/pipeline/stage_attention.h"
#include "distributed/plan/cluster_plan.h"
#include "engine/attention/kv_cache.h"
#include "engine/model/config.h"
#include "engine/model/decoder_layer.h"
#include "engine/model/rope.h"

namespace gemring {

/// How a sequence runs, the same on every rank.
struct SequenceOptions {
  std::int32_t prompt_tokens = 0;   // of what runs here: compressed, with GemFilter
  std::int32_t max_new_tokens = 0;  // 0: nothing is decoded
  GlobalPosition wanted_from;       // logits are wanted from this position on
};

/// How a stage stores and sends, whatever the sequence.
struct StageOptions {
  DataType kv_type = DataType::f32;  // of the cache
  RingOptions ring = {};             // its message type also counts for activations between stages
};

class StageSequence {
 public:
  /// `group`: the stage's ranks. Both outlive this. Allocates all that the sequence needs.
  StageSequence(Communicator& group, const ClusterPlan& plan, std::size_t stage, const ModelConfig& config,
                const StageOptions& stage_options, const SequenceOptions& options);

  const SequenceOptions& options() const { return options_; }
  std::size_t chunk_count() const { return chunks_.size(); }
  const ZigzagShards& chunk(std::size_t index) const { return chunks_[index]; }
  std::size_t largest_step() const { return largest_step_; }  // rows of this rank

  /// This rank's rows of a chunk.
  StepRows chunk_rows(std::size_t index) const;
  /// The one row of a decoded token.
  StepRows token_row(GlobalPosition position) const;

  std::vector<LinkMessage> messages_from(std::size_t chunk) const;  // from the previous stage
  std::vector<LinkMessage> messages_to(std::size_t chunk) const;    // to the next one

  StageAttention& attention() { return *attention_; }

 private:
  int member_;
  SequenceOptions options_;
  std::vector<ZigzagShards> chunks_, chunks_before_, chunks_after_;  // of this stage, the previous and the next
  std::vector<std::size_t> first_rows_;                              // of each chunk in positions_
  std::vector<GlobalPosition> positions_;  // of this rank's prompt rows, chunk after chunk, then of decoded tokens
  std::size_t largest_step_ = 1;
  RopeTables ropes_;  // of positions_
  std::optional<KvCache> cache_;
  std::optional<StageAttention> attention_;
};

}  // namespace gemring
