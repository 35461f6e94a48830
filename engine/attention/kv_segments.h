// Keys and values as attention reads them: in segments, which may lie anywhere.
#pragma once

#include <cstddef>
#include <span>

#include "engine/base/types.h"
#include "engine/kernels/kernel_table.h"
#include "engine/tensor/data_type.h"
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

/// Tokens whose keys, and whose values, lie one behind the other.
struct KvSegment {
  KeysValues kv;
  std::span<const GlobalPosition> positions;  // [kv.count], ascending
};

/// What a rank holds of one sequence: attention reads it, and a step's keys and values are written to it. Positions
/// ascend from segment to segment; layers may hold different ones.
class KvSegments {
 public:
  virtual ~KvSegments() = default;

  virtual const KvShape& shape() const = 0;  // of every segment
  /// The most that a layer can have.
  virtual std::size_t most_segments() const = 0;
  virtual std::size_t segment_count(LayerIndex layer) const = 0;
  /// With all tokens so far, the current step's included. Valid until the next begin_step().
  virtual KvSegment segment(LayerIndex layer, std::size_t index) const = 0;

  /// Makes room for a step's tokens; their keys and values are undefined until written in each layer.
  /// Requires: positions ascend, and lie behind all that are held.
  virtual void begin_step(std::span<const GlobalPosition> positions) = 0;
  /// Rows count from the beginning of the current step.   k, v: [tokens, kv_heads, head_dim]
  virtual void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) = 0;
};

}  // namespace gemring
