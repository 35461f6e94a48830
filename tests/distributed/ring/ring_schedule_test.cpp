#include "distributed/ring/ring_schedule.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace gemring {
namespace {

std::vector<int> blocks(int members, int member) {
  std::vector<int> at;
  for (int step = 0; step < members; ++step) at.push_back(RingSchedule{members, member}.block_at(step));
  return at;
}

TEST(RingSchedule, TheTableOfThreeMembers) {
  EXPECT_EQ(blocks(3, 0), (std::vector<int>{0, 2, 1}));
  EXPECT_EQ(blocks(3, 1), (std::vector<int>{1, 0, 2}));
  EXPECT_EQ(blocks(3, 2), (std::vector<int>{2, 1, 0}));
}

TEST(RingSchedule, OneMemberIsItsOwnNeighbour) {
  const RingSchedule alone;
  EXPECT_EQ(alone.next(), 0);
  EXPECT_EQ(alone.previous(), 0);
  EXPECT_EQ(blocks(1, 0), std::vector<int>{0});
}

TEST(RingSchedule, WhatAMemberReceivesIsWhatItsPredecessorHadAndNobodyMissesABlock) {
  for (int members = 1; members <= 9; ++members) {
    for (int member = 0; member < members; ++member) {
      const RingSchedule own{members, member};
      const RingSchedule before{members, own.previous()};
      EXPECT_EQ(before.next(), member);
      for (int step = 0; step + 1 < members; ++step) EXPECT_EQ(own.block_at(step + 1), before.block_at(step));
      const auto at = blocks(members, member);
      EXPECT_EQ(std::set<int>(at.begin(), at.end()).size(), static_cast<std::size_t>(members));
      EXPECT_EQ(at.front(), member);
    }
  }
}

}  // namespace
}  // namespace gemring
