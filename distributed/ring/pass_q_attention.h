// Attention with travelling queries (pass-Q, arXiv 2411.01783): keys and values stay where they are cached.
#pragma once

#include <cstdint>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/zigzag.h"
#include "engine/attention/attention.h"
#include "engine/attention/kv_cache.h"
#include "engine/kernels/attention.h"

namespace gemring {

/// Softmax states of some queries, one behind the other in memory: what pass-Q sends back.
class PartialBuffer {
 public:
  PartialBuffer() = default;
  PartialBuffer(std::size_t max_tokens, std::size_t heads, std::size_t head_dim)
      : heads_(heads), head_dim_(head_dim), memory_(max_tokens * heads * (head_dim + 2)) {}

  PartialSoftmax view(std::size_t tokens) {
    float* m = memory_.data() + tokens * heads_ * head_dim_;
    return {{memory_.data(), tokens, heads_, head_dim_}, {m, tokens, heads_}, {m + tokens * heads_, tokens, heads_}};
  }
  std::span<float> message(std::size_t tokens) { return {memory_.data(), tokens * heads_ * (head_dim_ + 2)}; }

 private:
  std::size_t heads_ = 0;
  std::size_t head_dim_ = 0;
  Buffer<float> memory_;  // o, m, l
};

/// A chunk of a prefill against a cache that is striped over the group. Every member has the queries of its zigzag
/// shard of the chunk; in `last_layer` only of positions >= wanted_from.
class PassQAttention : public Attention {
 public:
  PassQAttention(KvCache& cache, Communicator& group, std::size_t heads, std::size_t max_queries);

  /// Before each chunk. Only the model's last layer drops queries; LayerIndex(-1) where this rank does not hold it.
  void begin_chunk(const ZigzagShards& shards, LayerIndex last_layer, GlobalPosition wanted_from);

  void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) override;
  void attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
              std::int32_t window) override;

 private:
  std::span<const GlobalPosition> queries_of(int member, LayerIndex layer) const;
  void attend_own_keys(LayerIndex layer, HeadsView<const float> q, std::span<const GlobalPosition> positions,
                       std::int32_t window, const PartialSoftmax& state);

  KvCache& cache_;
  Communicator& group_;
  LayerIndex last_layer_{-1};
  GlobalPosition wanted_from_;
  std::vector<std::vector<GlobalPosition>> positions_;  // of every member's shard of the chunk
  AttentionScratch scratch_;
  std::vector<KeyRange> seen_;
  std::vector<Buffer<float>> queries_in_;  // of each member: [max_queries, heads, head_dim]
  std::vector<PartialBuffer> partials_;    // [member]: of this rank's queries against that member's keys
  std::vector<PartialBuffer> outgoing_;    // [member]: of that member's queries against this rank's keys
};

/// Decode: one query, on the group's first member; the new token's keys and values go to member (position mod g).
class StripedDecodeAttention : public Attention {
 public:
  StripedDecodeAttention(KvCache& cache, Communicator& group, std::size_t heads);

  /// Before each token: makes room for it in its owner's cache.
  void begin_token(GlobalPosition position);

  void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) override;
  void attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
              std::int32_t window) override;

 private:
  bool owns_token() const { return position_.value() % group_.size() == group_.member(); }
  void ask(LayerIndex layer, HeadsView<float> q, std::int32_t window);  // the first member
  void answer(LayerIndex layer, std::int32_t window);                   // every other one
  void attend_own_keys(LayerIndex layer, HeadsView<const float> q, std::int32_t window, const PartialSoftmax& state);
  HeadsView<float> message_heads(std::size_t offset, std::size_t heads);

  KvCache& cache_;
  Communicator& group_;
  std::size_t heads_;
  GlobalPosition position_;
  AttentionScratch scratch_;
  Buffer<float> message_;                // k, v [kv_heads, head_dim], then q [heads, head_dim]
  std::vector<PartialBuffer> partials_;  // [member]; elsewhere than on the first member only the own one
};

}  // namespace gemring
