// Keys and values of one rank's share of one sequence, for a range of layers.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/base/types.h"
#include "engine/kernels/kernel_table.h"
#include "engine/tensor/buffer.h"
#include "engine/tensor/view.h"

namespace gemring {

struct KvShape {
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  DataType type = DataType::f32;  // f32 or bf16 (round to nearest even)

  std::size_t bytes_per_token() const {
    return kv_heads * head_dim * bytes_per_element(type);
  }  // of K or of V, one layer
};

/// The tokens' positions are the same in every layer and ascend. Memory is allocated once, for `capacity` tokens.
class KvCache {
 public:
  KvCache(const KvShape& shape, LayerIndex first_layer, std::int32_t layers, std::size_t capacity);

  /// Makes room for a step's tokens; their keys and values are undefined until written in each layer.
  void begin_step(std::span<const GlobalPosition> positions);

  /// Rows count from the beginning of the current step.   k, v: [tokens, kv_heads, head_dim]
  void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v);

  /// All tokens so far, the current step's included.
  KeysValues all(LayerIndex layer) const;

  std::span<const GlobalPosition> positions() const { return positions_; }
  const KvShape& shape() const { return shape_; }

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
