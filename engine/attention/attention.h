// What a decoder layer asks of attention. It cannot tell local memory from a ring of ranks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/types.h"
#include "engine/tensor/view.h"

namespace gemring {

/// What a layer's attention is besides its queries and keys. A model's further ways (of scores, of sinks) are fields.
struct AttentionShape {
  std::int32_t window = kNoWindow;  // a query sees keys of the last so many positions, its own included,
  std::int32_t sinks = 0;           // and of positions below this, which lie in a segment of their own (WindowCache)
};

/// Attention over the sequence of the current step. A step's rows on this rank are numbered from 0; every layer first
/// gives the keys and values of all its rows, in any number of calls, then asks for the attention of its queries: once,
/// or of LocalAttention, which has every key at hand, in any number of calls.
class Attention {
 public:
  virtual ~Attention() = default;

  /// Keys and values, after RoPE, of rows [first_row, first_row + k.tokens()).   k, v: [tokens, kv_heads, head_dim]
  virtual void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) = 0;

  /// q <- softmax(q K^T / sqrt(head_dim)) V over the keys at or before each query's position that lie in its window, in
  /// place.   q: [queries, heads, head_dim], after RoPE; positions: [queries], ascending. Without queries a rank still
  /// calls it: its keys may be wanted elsewhere.
  virtual void attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
                      const AttentionShape& shape) = 0;
};

}  // namespace gemring
