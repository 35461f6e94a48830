// Queries, keys and values of a test, and attention over them by the kernels and in double. Header only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/kernels/attention/attention.h"
#include "tests/support/numbers.h"
#include "tests/support/plain_attention.h"
#include "tests/support/stored.h"

namespace gemring::test {

inline constexpr double kAttentionTolerance = 3e-6;  // of values in [-1, 1)

struct AttentionShape {
  std::size_t tokens = 1;
  std::size_t kv_heads = 2;
  std::size_t group = 1;
  std::size_t head_dim = 8;
  std::size_t keys = 1;
  DataType type = DataType::f32;

  std::size_t heads() const { return kv_heads * group; }
  std::string text() const {
    return std::to_string(tokens) + " tokens, " + std::to_string(kv_heads) + " x " + std::to_string(group) +
           " heads of " + std::to_string(head_dim) + ", " + std::to_string(keys) + " keys, " + std::string(name(type));
  }
};

/// What is seen of keys [begin, end), counted from the first of these.
inline std::vector<KeyRange> seen_of(const std::vector<KeyRange>& seen, std::size_t begin, std::size_t end) {
  const auto first = static_cast<std::int32_t>(begin);
  const auto in_piece = [&](std::int32_t key) {
    return std::clamp(key, first, static_cast<std::int32_t>(end)) - first;
  };
  std::vector<KeyRange> piece;
  piece.reserve(seen.size());
  for (const KeyRange& range : seen) piece.push_back({in_piece(range.begin), in_piece(range.end)});
  return piece;
}

/// A softmax state with memory of its own.
struct State {
  State(std::size_t tokens, std::size_t heads, std::size_t head_dim)
      : shape{nullptr, tokens, heads, head_dim}, o(shape.size(), 7), m(tokens * heads, 7), l(tokens * heads, 7) {}

  PartialSoftmax view() {
    return {{o.data(), shape.tokens(), shape.heads(), shape.head_dim()},
            {m.data(), shape.tokens(), shape.heads()},
            {l.data(), shape.tokens(), shape.heads()}};
  }

  PartialAttention part() { return {view().o, view().m, view().l}; }

  HeadsView<float> shape;
  std::vector<float> o, m, l;
};

class AttentionData {
 public:
  /// Queries of this size make the softmax flat (1) or peaked (20).
  explicit AttentionData(const AttentionShape& shape, float query_scale = 2)
      : shape_(shape),
        q_(numbers(shape.tokens * shape.heads() * shape.head_dim, 1, query_scale)),
        k_(shape.type, numbers(shape.keys * shape.kv_heads * shape.head_dim, 2)),
        v_(shape.type, numbers(shape.keys * shape.kv_heads * shape.head_dim, 3)),
        scratch_(shape.heads(), shape.kv_heads, shape.head_dim) {}

  HeadsView<const float> q() const { return {q_.data(), shape_.tokens, shape_.heads(), shape_.head_dim}; }

  /// Keys [begin, end).
  KeysValues kv(std::size_t begin, std::size_t end) const {
    const std::size_t offset = begin * shape_.kv_heads * shape_.head_dim * bytes_per_element(shape_.type);
    return {shape_.type, k_.data() + offset, v_.data() + offset, end - begin, shape_.kv_heads, shape_.head_dim};
  }

  std::vector<double> expected(const std::vector<KeyRange>& seen) const {
    const auto view = [&](const std::vector<float>& values) {
      return HeadsView<const float>(values.data(), shape_.keys, shape_.kv_heads, shape_.head_dim);
    };
    return plain_attention(q(), view(k_.values()), view(v_.values()), seen);
  }

  State state() const { return {shape_.tokens, shape_.heads(), shape_.head_dim}; }

  /// All keys in one call.
  std::vector<float> attended(const std::vector<KeyRange>& seen) {
    State state = this->state();
    attend(q(), kv(0, shape_.keys), seen, state.view(), StateUse::start_and_finish, scratch_);
    return state.o;
  }

  /// Keys [begin, end) into an open state; `seen` counts from the first key of all.
  void attend_piece(State& state, std::size_t begin, std::size_t end, const std::vector<KeyRange>& seen, StateUse use) {
    attend(q(), kv(begin, end), seen_of(seen, begin, end), state.view(), use, scratch_);
  }

  /// The same by themselves.
  void attend_part(State& part, std::size_t begin, std::size_t end, const std::vector<KeyRange>& seen) {
    gemring::attend_part(q(), kv(begin, end), seen_of(seen, begin, end), part.part(), scratch_);
  }

  std::vector<float> finished(State& state) const {
    std::vector<float> out(state.o.size());
    finish(state.view(), {out.data(), shape_.tokens, shape_.heads(), shape_.head_dim});
    return out;
  }

  AttentionScratch& scratch() { return scratch_; }
  const AttentionShape& shape() const { return shape_; }

 private:
  AttentionShape shape_;
  std::vector<float> q_;
  Stored k_, v_;
  AttentionScratch scratch_;
};

}  // namespace gemring::test
