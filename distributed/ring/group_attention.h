// Attention of a sequence whose chunks are shared by a group: each chunk, and the last layer of each, goes round in the
// way that costs least, or in the one that was asked for.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "distributed/plan/ring_choice.h"
#include "distributed/ring/ring_pass.h"
#include "engine/attention/attention.h"

namespace gemring {

class GroupAttention : public Attention {
 public:
  /// `chunks`: shards of every chunk, in order. Allocates what they need. Requires: `cache`, `group` and `chunks`
  /// outlive this. Throws ConfigError where rows of 8 bit messages are no whole blocks.
  GroupAttention(KvCache& cache, Communicator& group, const std::vector<ZigzagShards>& chunks, std::size_t heads,
                 const LastLayer& last, const RingOptions& options);

  /// Before each chunk. Requires: chunks in order; the cache has begun the step of the chunk's positions.
  void begin_chunk(std::size_t index);

  void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) override;
  void attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
              const AttentionShape& shape) override;

 private:
  KvCache& cache_;
  Communicator& group_;
  const std::vector<ZigzagShards>& chunks_;
  LastLayer last_;
  GroupChunk chunk_;
  std::size_t current_ = 0;
  RingChoice choice_;
  std::array<std::unique_ptr<RingPass>, std::size(kRingVariants)> passes_;  // those that some chunk needs
};

}  // namespace gemring
