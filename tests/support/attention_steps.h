// A whole sequence of made-up queries, keys and values, given to an Attention row by row as a decoder would. Header
// only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/attention/attention.h"
#include "engine/attention/kv_cache.h"
#include "tests/support/numbers.h"

namespace gemring::test {

struct SequenceShape {
  std::size_t tokens = 0;
  std::size_t heads = 6;
  std::size_t kv_heads = 2;
  std::size_t head_dim = 10;
  std::int32_t window = kNoWindow;
  float query_scale = 2;  // makes the softmax flat (2) or peaked (40)

  KvShape kv(DataType type) const { return {kv_heads, head_dim, type}; }
};

/// Position p is row p of every matrix; other numbers in each layer; the same on every rank.
class Sequence {
 public:
  Sequence(const SequenceShape& shape, LayerIndex layer)
      : shape_(shape),
        layer_(layer),
        q_(numbers(shape.tokens * shape.heads * shape.head_dim, seed(1), shape.query_scale)),
        k_(numbers(shape.tokens * shape.kv_heads * shape.head_dim, seed(2))),
        v_(numbers(shape.tokens * shape.kv_heads * shape.head_dim, seed(3))) {}

  HeadsView<const float> q() const { return {q_.data(), shape_.tokens, shape_.heads, shape_.head_dim}; }
  HeadsView<const float> k() const { return {k_.data(), shape_.tokens, shape_.kv_heads, shape_.head_dim}; }
  HeadsView<const float> v() const { return {v_.data(), shape_.tokens, shape_.kv_heads, shape_.head_dim}; }

  /// The rows of these positions, one behind the other.
  static std::vector<float> rows(HeadsView<const float> all, std::span<const GlobalPosition> positions) {
    std::vector<float> out;
    for (const GlobalPosition position : positions) {
      const float* row = all.token(position.index());
      out.insert(out.end(), row, row + all.stride());
    }
    return out;
  }

  /// Keys and values of a step's rows, the last one by itself: a layer writes block by block.
  void write(Attention& attention, std::span<const GlobalPosition> positions) const {
    const auto give = [&](std::size_t begin, std::size_t end) {
      const auto some = positions.subspan(begin, end - begin);
      const auto keys = rows(k(), some);
      const auto values = rows(v(), some);
      attention.write(layer_, begin, {keys.data(), some.size(), shape_.kv_heads, shape_.head_dim},
                      {values.data(), some.size(), shape_.kv_heads, shape_.head_dim});
    };
    if (positions.empty()) return;
    give(positions.size() - 1, positions.size());
    if (positions.size() > 1) give(0, positions.size() - 1);
  }

  /// The attention of the queries at these positions.
  std::vector<float> attend(Attention& attention, std::span<const GlobalPosition> positions) const {
    std::vector<float> q = rows(this->q(), positions);
    attention.attend(layer_, {q.data(), positions.size(), shape_.heads, shape_.head_dim}, positions, {shape_.window});
    return q;
  }

 private:
  std::uint32_t seed(int kind) const { return static_cast<std::uint32_t>(layer_.value() * 3 + kind); }

  SequenceShape shape_;
  LayerIndex layer_;
  std::vector<float> q_, k_, v_;
};

/// Positions begin, begin + 1, ..., end - 1.
inline std::vector<GlobalPosition> positions_from(std::size_t begin, std::size_t end) {
  std::vector<GlobalPosition> positions;
  for (std::size_t i = begin; i < end; ++i) positions.emplace_back(i);
  return positions;
}

}  // namespace gemring::test
