// Ring attention with travelling keys and values (pass-KV, arXiv 2310.01889) over zigzag shards of one long chunk.
#pragma once

#include <cstdint>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/zigzag.h"
#include "distributed/ring/ring_schedule.h"
#include "engine/attention/attention.h"
#include "engine/attention/kv_cache.h"
#include "engine/kernels/attention.h"

namespace gemring {

/// Every member of the group holds its shard of the step's keys in its cache; nothing was cached before this step.
class RingAttention : public Attention {
 public:
  /// `cache` and `group` are the caller's and outlive this. `message_type`: f32 or bf16, of travelling keys and values;
  /// those of a bf16 cache travel as they are (message_types.h).
  /// Memory: two blocks of the largest shard to receive into, and the open softmax state of this rank's queries.
  RingAttention(KvCache& cache, Communicator& group, const ZigzagShards& shards, std::size_t heads,
                DataType message_type);

  void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) override;
  void attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
              std::int32_t window) override;

 private:
  struct Block {  // keys and values of one member's shard
    KeysValues kv;
    int owner = 0;
  };

  Block own_block(LayerIndex layer);
  Block incoming_block(int owner, std::size_t buffer);
  std::size_t block_bytes(std::size_t tokens) const;  // keys alone, or values alone

  KvCache& cache_;
  Communicator& group_;
  RingSchedule schedule_;
  DataType message_type_;
  std::vector<std::vector<GlobalPosition>> positions_;  // of every member's shard
  AttentionScratch scratch_;
  std::vector<KeyRange> seen_;
  Buffer<float> o_;                    // [shard, heads, head_dim]
  Buffer<float> m_;                    // [shard, heads]
  Buffer<float> l_;                    // [shard, heads]
  Buffer<std::byte> narrowed_;         // own keys, then values, where the cache's type is not the message's
  std::vector<Buffer<std::byte>> in_;  // two: keys, then values, of a travelling block
};

}  // namespace gemring
