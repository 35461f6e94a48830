#include "distributed/ring/ring_attention.h"

#include <gtest/gtest.h>

#include "engine/base/check.h"
#include "tests/distributed/ring/whole_sequence.h"

namespace gemring {
namespace {

using test::from_on;
using test::largest_difference;
using test::Sequence;
using test::SequenceShape;

/// This rank's share of one ring pass.
struct Ring {
  Ring(const SequenceShape& shape, DataType kv_type, DataType message_type, std::int32_t layers = 1)
      : shards(test::range(0, shape.tokens), world().size()),
        own(shards.positions(world().member())),
        cache(shape.kv(kv_type), LayerIndex(0), layers, own.size()),
        attention(cache, world(), shards, shape.heads, message_type) {
    cache.begin_step(own);
  }

  ZigzagShards shards;
  std::vector<GlobalPosition> own;
  KvCache cache;
  RingAttention attention;
};

double difference_on_this_rank(const SequenceShape& shape, DataType kv_type, DataType message_type) {
  Ring ring(shape, kv_type, message_type);
  const Sequence sequence(shape, LayerIndex(0));
  sequence.write(ring.attention, ring.own);
  const auto expected = test::whole_sequence(shape, LayerIndex(0));
  return largest_difference(sequence.attend(ring.attention, ring.own), test::rows_of(expected, shape, ring.own));
}

TEST(RingAttention, EqualsLocalAttentionForAnyLength) {
  for (const std::size_t n : test::kLengths) {
    EXPECT_LT(difference_on_this_rank({.tokens = n}, DataType::f32, DataType::f32), test::kExact) << n;
  }
}

TEST(RingAttention, EqualsLocalAttentionForAnyGroupOfHeads) {
  for (const SequenceShape& shape : {SequenceShape{.tokens = 37, .heads = 1, .kv_heads = 1, .head_dim = 2},
                                     {.tokens = 37, .heads = 4, .kv_heads = 4, .head_dim = 16},
                                     {.tokens = 37, .heads = 12, .kv_heads = 1, .head_dim = 24},
                                     {.tokens = 37, .heads = 9, .kv_heads = 3, .head_dim = 80}}) {
    EXPECT_LT(difference_on_this_rank(shape, DataType::f32, DataType::f32), test::kExact) << shape.heads;
  }
}

TEST(RingAttention, ASlidingWindowLooksAcrossShards) {
  for (const std::int32_t window : {1, 5, 24, 200}) {
    for (const std::size_t n : {1u, 3u, 8u, 64u, 301u}) {
      EXPECT_LT(difference_on_this_rank({.tokens = n, .window = window}, DataType::f32, DataType::f32), test::kExact)
          << n << ", window " << window;
    }
  }
}

TEST(RingAttention, Bf16MessagesAndCachesCostTheirRoundingOnly) {
  for (const std::size_t n : {1u, 5u, 64u, 301u}) {
    for (const DataType kv_type : {DataType::f32, DataType::bf16}) {
      for (const DataType message_type : {DataType::f32, DataType::bf16}) {
        EXPECT_LT(difference_on_this_rank({.tokens = n}, kv_type, message_type), test::kRounded)
            << n << " " << name(kv_type) << " cache, " << name(message_type) << " messages";
      }
    }
  }
}

TEST(RingAttention, AnF32CacheSeesItsOwnKeysUnrounded) {
  // Positions before every other member's first one meet local keys only: exact whatever the messages are.
  const SequenceShape shape{.tokens = 24};
  Ring ring(shape, DataType::f32, DataType::bf16);
  const Sequence sequence(shape, LayerIndex(0));
  sequence.write(ring.attention, ring.own);
  const auto got = sequence.attend(ring.attention, ring.own);
  if (world().member() != 0) return;
  const std::size_t first_part = 24u / (2 * static_cast<std::size_t>(world().size()));
  const std::size_t elements = first_part * shape.heads * shape.head_dim;
  auto expected = test::whole_sequence(shape, LayerIndex(0));
  expected.resize(elements);
  EXPECT_LT(largest_difference(std::span(got).first(elements), expected), test::kExact);
}

TEST(RingAttention, SeveralLayersOneAfterTheOther) {
  const SequenceShape shape{.tokens = 29};
  Ring ring(shape, DataType::f32, DataType::f32, 3);
  for (const LayerIndex layer : {LayerIndex(0), LayerIndex(1), LayerIndex(2)}) {
    const Sequence sequence(shape, layer);
    sequence.write(ring.attention, ring.own);
    const auto got = sequence.attend(ring.attention, ring.own);
    const auto expected = test::whole_sequence(shape, layer);
    EXPECT_LT(largest_difference(got, test::rows_of(expected, shape, ring.own)), test::kExact) << layer.value();
  }
}

TEST(RingAttention, AWantedSuffixOfTheQueriesIsEnough) {
  const SequenceShape shape{.tokens = 50};
  const auto expected = test::whole_sequence(shape, LayerIndex(0));
  for (const int from : {0, 1, 30, 49, 50}) {
    Ring ring(shape, DataType::f32, DataType::f32);
    const Sequence sequence(shape, LayerIndex(0));
    sequence.write(ring.attention, ring.own);
    const auto wanted = from_on(ring.own, GlobalPosition(from));
    EXPECT_LT(largest_difference(sequence.attend(ring.attention, wanted), test::rows_of(expected, shape, wanted)),
              test::kExact)
        << from;
  }
}

TEST(RingAttention, ARankSendsItsBlockAndThoseThatPass) {
  // 12 positions over g members: 12 / g keys and as many values of 2 heads of 10 elements, g - 1 times.
  const SequenceShape shape{.tokens = 12};
  for (const DataType type : {DataType::f32, DataType::bf16}) {
    Ring ring(shape, DataType::f32, type);
    const Sequence sequence(shape, LayerIndex(0));
    sequence.write(ring.attention, ring.own);
    const std::uint64_t before = world().totals().bytes_sent;
    sequence.attend(ring.attention, ring.own);
    const auto members = static_cast<std::uint64_t>(world().size());
    const std::uint64_t elements = (members - 1) * (12 / members) * 2 * 2 * 10;
    EXPECT_EQ(world().totals().bytes_sent - before, elements * (type == DataType::f32 ? 4 : 2)) << name(type);
  }
}

TEST(RingAttention, KeysCachedBeforeTheStepAreABug) {
  const SequenceShape shape{.tokens = 16};
  const ZigzagShards shards(test::range(8, 16), world().size());
  KvCache cache(shape.kv(DataType::f32), LayerIndex(0), 1, 16);
  RingAttention attention(cache, world(), shards, shape.heads, DataType::f32);
  const GlobalPosition earlier(0);
  cache.begin_step(std::span(&earlier, 1));
  const auto own = shards.positions(world().member());
  cache.begin_step(own);
  const Sequence sequence(shape, LayerIndex(0));
  sequence.write(attention, own);
  EXPECT_THROW(sequence.attend(attention, own), InternalError);
}

}  // namespace
}  // namespace gemring
