#include "engine/attention/local_attention.h"

#include <gtest/gtest.h>

#include "tests/support/attention_steps.h"
#include "tests/support/plain_attention.h"

namespace gemring {
namespace {

using test::positions_from;
using test::Sequence;
using test::SequenceShape;

constexpr LayerIndex kLayer(3);

/// The whole sequence in steps of these lengths; the results one behind the other.
std::vector<float> in_steps(const SequenceShape& shape, DataType type, const std::vector<std::size_t>& lengths) {
  const Sequence sequence(shape, kLayer);
  KvCache cache(shape.kv(type), kLayer, 1, shape.tokens);
  LocalAttention attention(cache, shape.heads, shape.tokens);
  std::vector<float> out;
  std::size_t begin = 0;
  for (const std::size_t length : lengths) {
    const auto positions = positions_from(begin, begin + length);
    cache.begin_step(positions);
    sequence.write(attention, positions);
    const auto rows = sequence.attend(attention, positions);
    out.insert(out.end(), rows.begin(), rows.end());
    begin += length;
  }
  return out;
}

std::vector<double> plain(const SequenceShape& shape) {
  const Sequence sequence(shape, kLayer);
  return test::plain_attention(sequence.q(), sequence.k(), sequence.v(),
                               test::causal(shape.tokens, 0, static_cast<std::size_t>(shape.window)));
}

TEST(LocalAttention, AWholePrefillLikeDouble) {
  for (const std::size_t tokens : {1u, 2u, 50u, 301u}) {
    const SequenceShape shape{.tokens = tokens};
    EXPECT_LT(test::largest_difference(in_steps(shape, DataType::f32, {tokens}), plain(shape)), 3e-6) << tokens;
  }
}

TEST(LocalAttention, ChunkedPrefillAndDecodeEqualOnePass) {
  const SequenceShape shape{.tokens = 170};
  const auto expected = plain(shape);
  const std::vector<std::vector<std::size_t>> cuts = {{100, 70}, {1, 1, 168}, {130, 37, 1, 1, 1}, {0, 169, 0, 1}};
  for (const std::vector<std::size_t>& lengths : cuts) {
    EXPECT_LT(test::largest_difference(in_steps(shape, DataType::f32, lengths), expected), 3e-6) << lengths.size();
  }
}

TEST(LocalAttention, ABf16CacheCostsItsRoundingOnly) {
  const SequenceShape shape{.tokens = 170};
  const auto rounded = in_steps(shape, DataType::bf16, {100, 69, 1});
  EXPECT_LT(test::largest_difference(rounded, plain(shape)), 2e-2);
  EXPECT_GT(test::largest_difference(rounded, plain(shape)), 1e-5) << "the cache does not seem to be bf16";
  EXPECT_LT(test::largest_difference(rounded, in_steps(shape, DataType::bf16, {170})), 3e-6);
}

TEST(LocalAttention, QueriesOfTheLastRowsOnly) {
  const SequenceShape shape{.tokens = 40};
  const Sequence sequence(shape, kLayer);
  const auto expected = plain(shape);
  KvCache cache(shape.kv(DataType::f32), kLayer, 1, 40);
  LocalAttention attention(cache, shape.heads, 40);
  cache.begin_step(positions_from(0, 40));
  sequence.write(attention, positions_from(0, 40));
  const std::size_t row = shape.heads * shape.head_dim;
  for (const std::size_t from : {0u, 33u, 39u, 40u}) {
    const auto last = sequence.attend(attention, positions_from(from, 40));
    const std::vector<double> wanted(expected.begin() + static_cast<std::ptrdiff_t>(from * row), expected.end());
    EXPECT_LT(test::largest_difference(last, wanted), 3e-6) << from;
  }
}

TEST(LocalAttention, ASlidingWindowLikeDouble) {
  for (const std::int32_t window : {1, 2, 24, 128, 129, 169, 170, 400}) {
    const SequenceShape shape{.tokens = 170, .window = window};
    for (const std::vector<std::size_t>& lengths : {std::vector<std::size_t>{170}, {130, 37, 1, 1, 1}}) {
      EXPECT_LT(test::largest_difference(in_steps(shape, DataType::f32, lengths), plain(shape)), 3e-6) << window;
    }
  }
}

TEST(LocalAttention, GapsBetweenPositionsOnlyOrderTheKeys) {
  // Positions 0, 10, 20, ...: what a query sees is decided by order, as in a compressed prompt.
  const SequenceShape shape{.tokens = 12};
  const Sequence sequence(shape, kLayer);
  std::vector<GlobalPosition> sparse;
  for (int i = 0; i < 12; ++i) sparse.emplace_back(10 * i);
  KvCache cache(shape.kv(DataType::f32), kLayer, 1, 12);
  LocalAttention attention(cache, shape.heads, 12);
  cache.begin_step(sparse);
  sequence.write(attention, positions_from(0, 12));
  std::vector<float> q = Sequence::rows(sequence.q(), positions_from(0, 12));
  attention.attend(kLayer, {q.data(), 12, shape.heads, shape.head_dim}, sparse, {kNoWindow});
  EXPECT_LT(test::largest_difference(q, plain(shape)), 3e-6);
}

}  // namespace
}  // namespace gemring
