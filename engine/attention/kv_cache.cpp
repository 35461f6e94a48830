#include "engine/attention/kv_cache.h"

#include "engine/base/check.h"
#include "engine/base/trace.h"
#include "engine/kernels/elementwise.h"

namespace gemring {

KvCache::KvCache(const KvShape& shape, LayerIndex first_layer, std::int32_t layers, std::size_t capacity)
    : shape_(shape),
      first_layer_(first_layer),
      layers_(layers),
      capacity_(capacity),
      keys_(static_cast<std::size_t>(layers) * capacity * shape.bytes_per_token()),
      values_(static_cast<std::size_t>(layers) * capacity * shape.bytes_per_token()) {
  positions_.reserve(capacity);
}

void KvCache::begin_step(std::span<const GlobalPosition> positions) {
  GEMRING_CHECK(positions_.size() + positions.size() <= capacity_, "{} + {} tokens, capacity {}", positions_.size(),
                positions.size(), capacity_);
  GEMRING_CHECK(positions.empty() || positions_.empty() || positions_.back() < positions.front(),
                "position {} after {}", positions.front().value(), positions_.back().value());
  step_begin_ = positions_.size();
  positions_.insert(positions_.end(), positions.begin(), positions.end());
}

void KvCache::write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) {
  GEMRING_CHECK(step_begin_ + first_row + k.tokens() <= positions_.size() && v.tokens() == k.tokens(),
                "rows {} + {} of a step of {}", first_row, k.tokens(), positions_.size() - step_begin_);
  const TraceSpan span("kv write", SpanKind::kv_write, k.tokens());
  const std::size_t at = offset(layer, step_begin_ + first_row);
  narrow(k.data(), shape_.type, keys_.data() + at, k.size());
  narrow(v.data(), shape_.type, values_.data() + at, v.size());
}

void KvCache::move_to(LayerIndex layer) {
  GEMRING_CHECK(layers_ == 1, "a cache of {} layers", layers_);
  first_layer_ = layer;
}

std::size_t KvCache::offset(LayerIndex layer, std::size_t token) const {
  const std::int32_t slot = layer - first_layer_;
  GEMRING_CHECK(slot >= 0 && slot < layers_, "layer {} of [{}, {})", layer.value(), first_layer_.value(),
                first_layer_.value() + layers_);
  return (static_cast<std::size_t>(slot) * capacity_ + token) * shape_.bytes_per_token();
}

KvSegment KvCache::segment(LayerIndex layer, std::size_t index) const {
  GEMRING_CHECK(index == 0, "segment {} of one", index);
  return {all(layer), positions_};
}

KeysValues KvCache::all(LayerIndex layer) const {
  const std::size_t at = offset(layer, 0);
  return {shape_.type, keys_.data() + at, values_.data() + at, positions_.size(), shape_.kv_heads, shape_.head_dim};
}

}  // namespace gemring
