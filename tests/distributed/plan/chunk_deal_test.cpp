#include "distributed/plan/chunk_deal.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

std::vector<int> owners(const ChunkDeal& deal) {
  std::vector<int> all;
  for (std::int32_t chunk = 0; chunk < deal.chunks(); ++chunk) all.push_back(deal.owner(chunk));
  return all;
}

TEST(ChunkDeal, EqualMembersTakeTurns) {
  const ChunkDeal deal(11, 2, Shares{1, 1, 1});
  EXPECT_EQ(owners(deal), (std::vector<int>{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(deal.rounds(), 2);
  EXPECT_EQ(deal.round(1), std::pair(3, 6));
  EXPECT_EQ(deal.range(5), (PositionRange{GlobalPosition(10), GlobalPosition(11)}));
  EXPECT_EQ(deal.size(2), 3);
  EXPECT_EQ(deal.positions_of(2),
            (std::vector<GlobalPosition>{GlobalPosition(4), GlobalPosition(5), GlobalPosition(10)}));
  EXPECT_EQ(deal.next_of(2, 2), 5);
  EXPECT_EQ(deal.next_of(2, 5), 6);
}

TEST(ChunkDeal, SharesAreKeptUpAsItGoes) {
  EXPECT_EQ(owners(ChunkDeal(11, 2, Shares{2, 1})), (std::vector<int>{0, 1, 0, 0, 1, 0}));
  const ChunkDeal deal(3000, 1, Shares{3, 1, 2});
  EXPECT_EQ(deal.size(0), 1500);
  EXPECT_EQ(deal.size(1), 500);
  EXPECT_EQ(deal.size(2), 1000);
}

TEST(ChunkDeal, WhatAllHoldTogetherIsSharedAsChunksAre) {
  const ChunkDeal deal(0, 1, Shares{3, 1, 2});
  EXPECT_EQ(deal.share_of(0, 6000), 3000U);
  EXPECT_EQ(deal.share_of(1, 6000), 1000U);
  EXPECT_EQ(deal.share_of(2, 0), 0U);
}

TEST(ChunkDeal, EveryPositionHasOneOwner) {
  for (const Shares& shares : {Shares{1}, Shares{1, 1}, Shares{5, 1, 3}, Shares{1, 1, 1, 1}}) {
    for (const std::int32_t n : {0, 1, 7, 8, 9, 63, 64, 65}) {
      const ChunkDeal deal(n, 8, shares);
      std::vector<int> seen(static_cast<std::size_t>(n));
      std::int32_t rounds = 0;
      for (int member = 0; member < deal.members(); ++member) {
        EXPECT_EQ(deal.positions_of(member).size(), static_cast<std::size_t>(deal.size(member)));
        for (const GlobalPosition position : deal.positions_of(member)) ++seen[position.index()];
      }
      for (; rounds < deal.rounds(); ++rounds) EXPECT_LT(deal.round(rounds).first, deal.round(rounds).second);
      EXPECT_EQ(deal.round(rounds).first, deal.chunks());
      EXPECT_EQ(seen, std::vector<int>(seen.size(), 1)) << n;
    }
  }
}

}  // namespace
}  // namespace gemring
