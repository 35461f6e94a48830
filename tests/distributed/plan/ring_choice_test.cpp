#include "distributed/plan/ring_choice.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

ZigzagShards shards(std::int32_t begin, std::int32_t end, int members) {
  return {{GlobalPosition(begin), GlobalPosition(end)}, members};
}

bool moves_queries(RingVariant variant) {
  return variant == RingVariant::pass_q || variant == RingVariant::token_ring;
}

// 32 query heads of 64 share 8 key heads.
const KvShape kShape{8, 64, DataType::bf16};

TEST(RingChoice, FollowsWhatHasToMove) {
  for (const int members : {2, 3, 4}) {
    for (const bool one_host : {false, true}) {
      RingOptions options;
      for (int member = 0; member < members; ++member) options.links.hosts.push_back(one_host ? 0 : member);
      const ZigzagShards chunks[] = {shards(0, 16384, members), shards(16384, 16388, members)};
      const LastLayer last{LayerIndex(3), GlobalPosition(16383)};
      const RingChoice choice = choose_variants(chunks, last, kShape, 32, options);
      // A first chunk's keys are the least to move, and hide behind compute; inside a host they need not.
      EXPECT_EQ(choice.chunks[0].others.variant, one_host ? RingVariant::all_gather : RingVariant::pass_kv);
      // The last layer has one query: it goes to the keys. So do a few queries against a long prefix.
      EXPECT_TRUE(moves_queries(choice.chunks[0].last.variant));
      EXPECT_TRUE(moves_queries(choice.chunks[1].others.variant));
    }
  }
}

TEST(RingChoice, WhatWasAskedForCountsEverywhere) {
  const ZigzagShards chunks[] = {shards(0, 100, 2), shards(100, 110, 2)};
  RingOptions options;
  options.variant = RingVariant::all_gather;
  const RingChoice choice = choose_variants(chunks, {LayerIndex(3), GlobalPosition(109)}, kShape, 32, options);
  for (const RingChoice::Chunk& chunk : choice.chunks) {
    EXPECT_EQ(chunk.others.variant, RingVariant::all_gather);
    EXPECT_EQ(chunk.last.variant, RingVariant::all_gather);
  }
  EXPECT_FALSE(choice.most_queries[static_cast<std::size_t>(RingVariant::pass_kv)]);
}

TEST(RingChoice, CountsKeysQueriesAndBytesOfUnevenShards) {
  // Shares 3 and 1 of 8 positions: member 0 has 6 of them, of a second chunk of 4 positions 3.
  const std::int32_t shares[] = {3, 1};
  const ZigzagShards chunks[] = {{{GlobalPosition(0), GlobalPosition(8)}, shares},
                                 {{GlobalPosition(8), GlobalPosition(12)}, shares}};
  RingOptions options;
  options.variant = RingVariant::pass_kv;
  const RingChoice choice = choose_variants(chunks, {}, kShape, 32, options);
  EXPECT_EQ(choice.most_keys, 9);
  EXPECT_EQ(choice.all_keys, 12);
  EXPECT_EQ(choice.most_queries[static_cast<std::size_t>(RingVariant::pass_kv)], 6);
  // One step: each member sends its keys and values, 8 heads of 64 in bf16.
  EXPECT_EQ(choice.chunks[0].others.bytes_sent, (std::vector<double>{6 * 2048.0, 2 * 2048.0}));
  EXPECT_EQ(choice.chunks[1].others.bytes_sent, (std::vector<double>{9 * 2048.0, 3 * 2048.0}));
  EXPECT_TRUE(choice.chunks[0].last.bytes_sent.empty()) << "this group does not have the last layer";
}

TEST(RingChoice, OfNoQueriesInTheLastLayerNothingButKeysMoves) {
  const ZigzagShards chunks[] = {shards(0, 8, 2), shards(8, 16, 2)};
  RingOptions options;
  options.variant = RingVariant::pass_q;
  const RingChoice choice = choose_variants(chunks, {LayerIndex(0), GlobalPosition(15)}, kShape, 32, options);
  EXPECT_EQ(choice.chunks[0].last.bytes_sent, (std::vector<double>{0, 0}));
  // The last position is member 0's: its query of 32 x 64 numbers leaves, the state with maxima and sums comes back.
  EXPECT_EQ(choice.chunks[1].last.bytes_sent, (std::vector<double>{32 * 64 * 4.0, 32 * 66 * 4.0}));
}

}  // namespace
}  // namespace gemring
