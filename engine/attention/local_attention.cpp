#include "engine/attention/local_attention.h"

#include <algorithm>

#include "engine/base/check.h"

namespace gemring {
namespace {

/// Of the queries, as far as this segment's keys go.
std::int32_t window_in(const KvSegment& segment, const AttentionShape& shape) {
  const bool sinks = !segment.positions.empty() && segment.positions.back().value() < shape.sinks;
  return sinks ? kNoWindow : shape.window;
}

}  // namespace

LocalAttention::LocalAttention(KvSegments& keys, std::size_t heads, std::size_t max_queries)
    : keys_(keys),
      scratch_(heads, keys.shape().kv_heads, keys.shape().head_dim),
      seen_(max_queries),
      maxima_(max_queries * heads),
      sums_(max_queries * heads),
      outputs_(keys.most_segments() > 1 ? max_queries * heads * keys.shape().head_dim : 0) {}

void LocalAttention::write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k,
                           HeadsView<const float> v) {
  keys_.write(layer, first_row, k, v);
}

void LocalAttention::attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
                            const AttentionShape& shape) {
  if (keys_.segment_count(layer) != 1) return attend_segments(layer, q, positions, shape);
  const KvSegment segment = keys_.segment(layer, 0);
  const std::span seen(seen_.data(), q.tokens());
  find_seen(positions, segment.positions, window_in(segment, shape), seen);
  const PartialSoftmax state{q, {maxima_.data(), q.tokens(), q.heads()}, {sums_.data(), q.tokens(), q.heads()}};
  gemring::attend(q, segment.kv, seen, state, StateUse::start_and_finish, scratch_);
}

/// The softmax starts on the first segment that a query sees anything of, and carries on over the others. Each of them
/// reads the queries again, so the state has memory of its own.
void LocalAttention::attend_segments(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
                                     const AttentionShape& shape) {
  GEMRING_CHECK(q.size() <= outputs_.size(), "{} of {} outputs for {} segments", q.size(), outputs_.size(),
                keys_.segment_count(layer));
  const std::span seen(seen_.data(), q.tokens());
  const PartialSoftmax state{{outputs_.data(), q.tokens(), q.heads(), q.head_dim()},
                             {maxima_.data(), q.tokens(), q.heads()},
                             {sums_.data(), q.tokens(), q.heads()}};
  StateUse use = StateUse::start;
  for (std::size_t i = 0; i < keys_.segment_count(layer); ++i) {
    const KvSegment segment = keys_.segment(layer, i);
    find_seen(positions, segment.positions, window_in(segment, shape), seen);
    if (std::all_of(seen.begin(), seen.end(), [](const KeyRange& keys) { return keys.begin >= keys.end; })) continue;
    gemring::attend(q, segment.kv, seen, state, use, scratch_);
    use = StateUse::carry_on;
  }
  if (q.tokens() == 0) return;
  GEMRING_CHECK(use == StateUse::carry_on, "{} queries see no key", q.tokens());
  finish(state, q);
}

}  // namespace gemring
