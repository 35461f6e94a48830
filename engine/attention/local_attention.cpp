#include "engine/attention/local_attention.h"

namespace gemring {

LocalAttention::LocalAttention(KvCache& cache, std::size_t heads, std::size_t max_queries)
    : cache_(cache),
      scratch_(heads, cache.shape().kv_heads, cache.shape().head_dim),
      seen_(max_queries),
      maxima_(max_queries * heads),
      sums_(max_queries * heads) {}

void LocalAttention::write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k,
                           HeadsView<const float> v) {
  cache_.write(layer, first_row, k, v);
}

void LocalAttention::attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
                            std::int32_t window) {
  const std::span seen(seen_.data(), q.tokens());
  find_seen(positions, cache_.positions(), window, seen);
  const PartialSoftmax state{q, {maxima_.data(), q.tokens(), q.heads()}, {sums_.data(), q.tokens(), q.heads()}};
  gemring::attend(q, cache_.all(layer), seen, state, StateUse::start_and_finish, scratch_);
}

}  // namespace gemring
