#include "distributed/ring/striped_decode_attention.h"

#include <gtest/gtest.h>

#include "distributed/ring/group_attention.h"
#include "engine/base/check.h"
#include "tests/distributed/ring/whole_sequence.h"

namespace gemring {
namespace {

using test::largest_difference;
using test::Sequence;
using test::SequenceShape;

/// A prompt through the ring, then tokens one at a time; the largest difference of the decoded rows from local
/// attention (on the first rank; 0 on others).
double decode_difference(const SequenceShape& shape, std::size_t prompt, DataType type, std::int32_t layers = 1) {
  const ZigzagShards shards(test::range(0, prompt), world().size());
  const auto own = shards.positions(world().member());
  const bool first = world().member() == 0;
  KvCache cache(shape.kv(type), LayerIndex(0), layers, shape.tokens);
  cache.begin_step(own);
  const std::vector<ZigzagShards> one_chunk = {shards};
  RingOptions options;
  options.message_type = type;
  GroupAttention ring(cache, world(), one_chunk, shape.heads, {}, options);
  ring.begin_chunk(0);
  StripedDecodeAttention decode(cache, world(), shape.heads);
  std::vector<Sequence> sequences;
  std::vector<std::vector<float>> expected;
  for (int layer = 0; layer < layers; ++layer) {
    sequences.emplace_back(shape, LayerIndex(layer));
    expected.push_back(test::whole_sequence(shape, LayerIndex(layer)));
    sequences.back().write(ring, own);
    sequences.back().attend(ring, own);
  }
  double largest = 0;
  for (std::size_t at = prompt; at < shape.tokens; ++at) {
    const auto token = test::positions_from(at, first ? at + 1 : at);  // only the first member has the row
    decode.begin_token(GlobalPosition(at));
    for (std::size_t layer = 0; layer < sequences.size(); ++layer) {
      sequences[layer].write(decode, token);
      const auto got = sequences[layer].attend(decode, token);
      largest = test::larger(largest, largest_difference(got, test::rows_of(expected[layer], shape, token)));
    }
  }
  return largest;
}

TEST(StripedDecodeAttention, EqualsLocalAttentionAfterAnyPrompt) {
  for (const std::size_t prompt : {1u, 2u, 3u, 5u, 8u, 130u}) {
    EXPECT_LT(decode_difference({.tokens = prompt + 9}, prompt, DataType::f32), test::kExact) << prompt;
  }
}

TEST(StripedDecodeAttention, LongCachesAreCutIntoPieces) {
  EXPECT_LT(decode_difference({.tokens = 4300}, 4298, DataType::f32), test::kExact);
}

TEST(StripedDecodeAttention, ASlidingWindowLooksAcrossStripes) {
  for (const std::int32_t window : {1, 2, 5, 24}) {
    EXPECT_LT(decode_difference({.tokens = 40, .window = window}, 28, DataType::f32), test::kExact) << window;
  }
}

TEST(StripedDecodeAttention, AnyGroupOfHeads) {
  for (const SequenceShape& shape : {SequenceShape{.tokens = 20, .heads = 4, .kv_heads = 4, .head_dim = 16},
                                     {.tokens = 20, .heads = 12, .kv_heads = 1, .head_dim = 24}}) {
    EXPECT_LT(decode_difference(shape, 11, DataType::f32), test::kExact) << shape.heads;
  }
}

TEST(StripedDecodeAttention, SeveralLayersOneAfterTheOther) {
  EXPECT_LT(decode_difference({.tokens = 20}, 11, DataType::f32, 3), test::kExact);
}

TEST(StripedDecodeAttention, ABf16CacheCostsItsRoundingOnly) {
  EXPECT_LT(decode_difference({.tokens = 40}, 31, DataType::bf16), test::kRounded);
}

TEST(StripedDecodeAttention, TokensGoRoundTheMembers) {
  const SequenceShape shape{.tokens = 12};
  KvCache cache(shape.kv(DataType::f32), LayerIndex(0), 1, 12);
  StripedDecodeAttention decode(cache, world(), shape.heads);
  for (int position = 0; position < 12; ++position) decode.begin_token(GlobalPosition(position));
  std::vector<GlobalPosition> expected;  // those that leave this rank's number when divided by the number of ranks
  for (int position = world().member(); position < 12; position += world().size()) expected.emplace_back(position);
  EXPECT_EQ(std::vector(cache.positions().begin(), cache.positions().end()), expected);
}

TEST(StripedDecodeAttention, MoreThanOneTokenIsABug) {
  const SequenceShape shape{.tokens = 4};
  KvCache cache(shape.kv(DataType::f32), LayerIndex(0), 1, 4);
  StripedDecodeAttention decode(cache, world(), shape.heads);
  const Sequence sequence(shape, LayerIndex(0));
  EXPECT_THROW(sequence.attend(decode, test::positions_from(0, 2)), InternalError);
  EXPECT_THROW(sequence.write(decode, test::positions_from(0, 2)), InternalError);
}

}  // namespace
}  // namespace gemring
