// The attention of one rank of a stage: local for a group of one, otherwise the ring variant that fits the step.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/zigzag.h"
#include "distributed/ring/group_attention.h"
#include "distributed/ring/striped_decode_attention.h"
#include "engine/attention/kv_cache.h"
#include "engine/attention/local_attention.h"

namespace gemring {

struct StageAttentionOptions {
  std::size_t heads = 0;
  RingOptions ring = {};  // of a group of several
  LastLayer last = {};    // the model's, where this stage holds it
  bool decodes = true;
};

class StageAttention {
 public:
  /// `chunks`: shards of every chunk of the prompt, in order. Allocates what these chunks and decoding need.
  StageAttention(KvCache& cache, Communicator& group, const std::vector<ZigzagShards>& chunks,
                 const StageAttentionOptions& options);

  /// The attention for chunk `index`: makes room in the cache first.
  Attention& begin_chunk(std::size_t index);

  /// Behind the last chunk: frees what chunks alone need.
  void end_prompt();

  /// The attention for one decoded token.
  Attention& begin_token(GlobalPosition position);

 private:
  KvCache& cache_;
  Communicator& group_;
  const std::vector<ZigzagShards>& chunks_;
  StageAttentionOptions options_;
  std::vector<GlobalPosition> positions_;  // of this member in the current chunk
  std::optional<LocalAttention> local_;
  std::optional<GroupAttention> shared_;
  std::optional<StripedDecodeAttention> decode_;
};

}  // namespace gemring
