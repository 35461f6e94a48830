// Keys and values of one rank's share of one sequence, for a range of layers, in one segment a layer.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/attention/kv_segments.h"
#include "engine/base/types.h"
#include "engine/tensor/buffer.h"
#include "engine/tensor/view.h"

namespace gemring {

/// Every layer holds the same positions. Memory is allocated once, for `capacity` tokens.
class KvCache final : public KvSegments {
 public:
  KvCache(const KvShape& shape, LayerIndex first_layer, std::int32_t layers, std::size_t capacity);

  const KvShape& shape() const override { return shape_; }
  std::size_t most_segments() const override { return 1; }
  std::size_t segment_count(LayerIndex) const override { return 1; }
  KvSegment segment(LayerIndex layer, std::size_t index) const override;
  void begin_step(std::span<const GlobalPosition> positions) override;
  void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) override;

  /// The one segment's parts, for those who send them whole.
  KeysValues all(LayerIndex layer) const;
  std::span<const GlobalPosition> positions() const { return positions_; }

  /// A cache of one layer goes on to another one with the same tokens (the filter pass keeps one layer alive at a
  /// time).
  void move_to(LayerIndex layer);

 private:
  std::size_t offset(LayerIndex layer, std::size_t token) const;  // bytes into keys_ and values_

  KvShape shape_;
  LayerIndex first_layer_;
  std::int32_t layers_;
  std::size_t capacity_;
  std::size_t step_begin_ = 0;
  std::vector<GlobalPosition> positions_;
  Buffer<std::byte> keys_;    // [layers, capacity, kv_heads, head_dim]
  Buffer<std::byte> values_;  // the same
};

}  // namespace gemring
