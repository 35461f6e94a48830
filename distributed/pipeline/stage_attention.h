// The attention of one rank of a stage: local for a group of one, otherwise the ring variant that fits the step.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/zigzag.h"
#include "distributed/ring/pass_q_attention.h"
#include "distributed/ring/ring_attention.h"
#include "engine/attention/kv_cache.h"
#include "engine/attention/local_attention.h"

namespace gemring {

struct StageAttentionOptions {
  std::size_t heads = 0;
  DataType message_type = DataType::f32;
  LayerIndex last_layer{-1};   // the model's last layer where this stage holds it; there only queries from
  GlobalPosition wanted_from;  // this position on are computed
  bool decodes = true;
};

class StageAttention {
 public:
  /// `chunks`: shards of every chunk of the prompt, in order. Allocates what these chunks and decoding need.
  StageAttention(KvCache& cache, Communicator& group, const std::vector<ZigzagShards>& chunks,
                 const StageAttentionOptions& options);

  /// The attention for chunk `index`: makes room in the cache first. The first chunk of several ranks passes keys and
  /// values, later ones, which meet a cached prefix, pass queries.
  Attention& begin_chunk(std::size_t index);

  /// The attention for one decoded token.
  Attention& begin_token(GlobalPosition position);

 private:
  KvCache& cache_;
  Communicator& group_;
  const std::vector<ZigzagShards>& chunks_;
  StageAttentionOptions options_;
  std::vector<GlobalPosition> positions_;  // of this member in the current chunk
  std::optional<LocalAttention> local_;
  std::optional<RingAttention> first_chunk_;
  std::optional<PassQAttention> later_chunks_;
  std::optional<StripedDecodeAttention> decode_;
};

}  // namespace gemring
