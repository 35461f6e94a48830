// The same attention where one rank has the whole sequence: what every rank's share is compared with. Header only.
#pragma once

#include <algorithm>

#include "distributed/plan/zigzag.h"
#include "engine/attention/local_attention.h"
#include "tests/support/attention_steps.h"
#include "tests/support/mpi_world.h"

namespace gemring::test {

/// f32 everywhere: sums in another order. bf16 caches and messages: half a unit of the eighth bit of each key and
/// value.
constexpr double kExact = 3e-6;
constexpr double kRounded = 2e-2;

/// Lengths that make parts uneven or empty (2 x ranks is 8 at most), and blocks of keys (128) full and cut.
constexpr std::size_t kLengths[] = {1, 2, 3, 5, 7, 8, 11, 64, 301};

/// The attention of every position of the sequence in one layer, by LocalAttention with an f32 cache.
inline std::vector<float> whole_sequence(const SequenceShape& shape, LayerIndex layer) {
  const Sequence sequence(shape, layer);
  KvCache cache(shape.kv(DataType::f32), layer, 1, shape.tokens);
  LocalAttention attention(cache, shape.heads, shape.tokens);
  const auto positions = positions_from(0, shape.tokens);
  cache.begin_step(positions);
  sequence.write(attention, positions);
  return sequence.attend(attention, positions);
}

/// Rows of these positions of a result for the whole sequence.
inline std::vector<float> rows_of(const std::vector<float>& whole, const SequenceShape& shape,
                                  std::span<const GlobalPosition> positions) {
  return Sequence::rows({whole.data(), shape.tokens, shape.heads, shape.head_dim}, positions);
}

/// Those of the ascending positions that are at or behind `from`.
inline std::vector<GlobalPosition> from_on(const std::vector<GlobalPosition>& positions, GlobalPosition from) {
  return {std::lower_bound(positions.begin(), positions.end(), from), positions.end()};
}

inline PositionRange range(std::size_t begin, std::size_t end) {
  return {GlobalPosition(begin), GlobalPosition(end)};
}

}  // namespace gemring::test
