#include "engine/attention/window_cache.h"

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"
#include "engine/base/trace.h"
#include "engine/kernels/elementwise.h"

namespace gemring {
namespace {

std::size_t rows(std::int32_t count) {
  return static_cast<std::size_t>(count);
}

std::size_t sink_elements(const KvShape& shape, std::size_t sinks) {
  return sinks * shape.kv_heads * shape.head_dim;
}

}  // namespace

WindowHalo::WindowHalo(const KvShape& shape, const WindowSizes& sizes)
    : shape_(shape), sinks_(rows(sizes.sinks)), window_(rows(sizes.window)), memory_(size(shape, sizes)) {}

std::size_t WindowHalo::size(const KvShape& shape, const WindowSizes& sizes) {
  return 2 * (sink_elements(shape, rows(sizes.sinks)) * sizeof(float) + rows(sizes.window) * shape.bytes_per_token());
}

HeadsView<float> WindowHalo::sink_keys() {
  return {reinterpret_cast<float*>(memory_.data()), sinks_, shape_.kv_heads, shape_.head_dim};
}

HeadsView<float> WindowHalo::sink_values() {
  return {sink_keys().data() + sink_elements(shape_, sinks_), sinks_, shape_.kv_heads, shape_.head_dim};
}

std::byte* WindowHalo::tail_keys() {
  return memory_.data() + 2 * sink_elements(shape_, sinks_) * sizeof(float);
}

std::byte* WindowHalo::tail_values() {
  return tail_keys() + window_ * shape_.bytes_per_token();
}

WindowCache::WindowCache(const KvShape& shape, const WindowSizes& sizes)
    : shape_(shape),
      sizes_(sizes),
      sink_keys_(sink_elements(shape, rows(sizes.sinks))),
      sink_values_(sink_elements(shape, rows(sizes.sinks))),
      sink_memory_(2 * rows(sizes.sinks) * shape.bytes_per_token()),
      keys_(rows(sizes.window + sizes.chunk) * shape.bytes_per_token()),
      values_(rows(sizes.window + sizes.chunk) * shape.bytes_per_token()) {
  GEMRING_CHECK(sizes.window > 0 && sizes.window <= sizes.chunk && sizes.sinks >= 0 && sizes.sinks <= sizes.chunk,
                "a window of {} and {} sinks in chunks of {}", sizes.window, sizes.sinks, sizes.chunk);
  positions_.reserve(rows(sizes.window + sizes.chunk));
}

std::int32_t WindowCache::sink_shift(GlobalPosition chunk_begin, const WindowSizes& sizes) {
  return std::max(chunk_begin.value() - sizes.window - sizes.sinks, 0);
}

/// Sinks are never in a tail.
std::int32_t WindowCache::tail_begin(GlobalPosition end, const WindowSizes& sizes) {
  return std::max(end.value() - sizes.window, sizes.sinks);
}

void WindowCache::begin_step(std::span<const GlobalPosition> positions) {
  GEMRING_CHECK(!positions.empty() && positions.size() <= rows(sizes_.chunk) &&
                    positions.front().value() % sizes_.chunk == 0 &&
                    positions.back() - positions.front() == static_cast<std::int32_t>(positions.size()) - 1,
                "{} positions from {} in chunks of {}", positions.size(), positions.front().value(), sizes_.chunk);
  begin_ = positions.front();
  end_ = positions.back() + 1;
  sinks_.clear();
  positions_.clear();
  for (GlobalPosition position(0); position < end_ && position.value() < sizes_.sinks; ++position)
    sinks_.push_back(position);
  const GlobalPosition first(first_chunk() ? sizes_.sinks : tail_begin(begin_, sizes_));
  for (GlobalPosition position = first; position < end_; ++position) positions_.push_back(position);
  window_rows_ = first_chunk() ? 0 : rows(begin_ - first);
}

std::size_t WindowCache::segment_count(LayerIndex /*layer*/) const {
  return (sinks_.empty() ? 0u : 1u) + (positions_.empty() ? 0u : 1u);
}

KvSegment WindowCache::segment(LayerIndex layer, std::size_t index) const {
  GEMRING_CHECK(index < segment_count(layer), "segment {} of {}", index, segment_count(layer));
  if (index == 0 && !sinks_.empty()) {
    return {{shape_.type, sink_memory_.data(), sink_memory_.data() + row_bytes(rows(sizes_.sinks)), sinks_.size(),
             shape_.kv_heads, shape_.head_dim},
            sinks_};
  }
  return {{shape_.type, keys_.data(), values_.data(), positions_.size(), shape_.kv_heads, shape_.head_dim}, positions_};
}

void WindowCache::write(LayerIndex /*layer*/, std::size_t first_row, HeadsView<const float> k,
                        HeadsView<const float> v) {
  const TraceSpan span("kv write", SpanKind::kv_write, k.tokens());
  const std::size_t first_sinks = first_chunk() ? sinks_.size() : 0;
  const std::size_t behind = first_row + k.tokens();
  GEMRING_CHECK(behind + window_rows_ <= positions_.size() + first_sinks, "rows {} + {} of a chunk", first_row,
                k.tokens());
  const std::size_t cut = std::clamp(first_sinks, first_row, behind) - first_row;  // of these rows, the sinks'
  const std::size_t width = shape_.kv_heads * shape_.head_dim;
  if (cut > 0) {
    std::copy_n(k.data(), cut * width, sink_keys_.data() + first_row * width);
    std::copy_n(v.data(), cut * width, sink_values_.data() + first_row * width);
    std::byte* const keys = sink_memory_.data();
    narrow(k.data(), shape_.type, keys + row_bytes(first_row), cut * width);
    narrow(v.data(), shape_.type, keys + row_bytes(rows(sizes_.sinks) + first_row), cut * width);
  }
  if (cut == k.tokens()) return;
  const std::size_t at = row_bytes(window_rows_ + first_row + cut - first_sinks);
  narrow(k.data() + cut * width, shape_.type, keys_.data() + at, (k.tokens() - cut) * width);
  narrow(v.data() + cut * width, shape_.type, values_.data() + at, (k.tokens() - cut) * width);
}

void WindowCache::take(WindowHalo& halo, HeadsView<const float> sink_keys) {
  GEMRING_CHECK(!first_chunk() && sink_keys.tokens() == rows(sizes_.sinks), "{} sinks", sink_keys.tokens());
  std::copy_n(halo.sink_keys().data(), sink_keys_.size(), sink_keys_.data());
  std::copy_n(halo.sink_values().data(), sink_values_.size(), sink_values_.data());
  narrow(sink_keys.data(), shape_.type, sink_memory_.data(), sink_keys.size());
  narrow(sink_values_.data(), shape_.type, sink_memory_.data() + row_bytes(rows(sizes_.sinks)), sink_values_.size());
  std::memcpy(keys_.data(), halo.tail_keys(), row_bytes(window_rows_));
  std::memcpy(values_.data(), halo.tail_values(), row_bytes(window_rows_));
}

void WindowCache::leave(WindowHalo& halo) const {
  GEMRING_CHECK(end_ - begin_ == sizes_.chunk, "a chunk of {} leaves nothing", end_ - begin_);
  std::copy_n(sink_keys_.data(), sink_keys_.size(), halo.sink_keys().data());
  std::copy_n(sink_values_.data(), sink_values_.size(), halo.sink_values().data());
  const std::size_t count = rows(end_.value() - tail_begin(end_, sizes_));
  const std::size_t first = row_bytes(positions_.size() - count);
  std::memcpy(halo.tail_keys(), keys_.data() + first, row_bytes(count));
  std::memcpy(halo.tail_values(), values_.data() + first, row_bytes(count));
}

}  // namespace gemring
