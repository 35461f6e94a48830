#include "distributed/plan/zigzag.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "engine/base/check.h"

namespace gemring {
namespace {

PositionRange range(int begin, int end) {
  return {GlobalPosition(begin), GlobalPosition(end)};
}

std::vector<int> numbers(const std::vector<GlobalPosition>& positions) {
  std::vector<int> values;
  values.reserve(positions.size());
  for (const GlobalPosition position : positions) values.push_back(position.value());
  return values;
}

TEST(Zigzag, ElevenPositionsOverThreeMembersAreTheTableOfTheHeader) {
  const ZigzagShards shards(range(0, 11), 3);
  EXPECT_EQ(numbers(shards.positions(0)), (std::vector<int>{0, 9, 10}));
  EXPECT_EQ(numbers(shards.positions(1)), (std::vector<int>{1, 2, 7, 8}));
  EXPECT_EQ(numbers(shards.positions(2)), (std::vector<int>{3, 4, 5, 6}));
  EXPECT_EQ(shards.ranges(0), (std::vector<PositionRange>{range(0, 1), range(9, 11)}));
  EXPECT_EQ(shards.ranges(1), (std::vector<PositionRange>{range(1, 3), range(7, 9)}));
  EXPECT_EQ(shards.ranges(2), (std::vector<PositionRange>{range(3, 7)}));  // parts 2 and 3 touch
  EXPECT_EQ(shards.largest(), 4);
  EXPECT_EQ(shards.owner(GlobalPosition(7)), 1);
  EXPECT_EQ(shards.local(GlobalPosition(7)), LocalPosition(2));
}

TEST(Zigzag, UnevenSharesAreTheSecondTableOfTheHeader) {
  const ZigzagShards shards(range(0, 11), Shares{3, 1, 2});
  EXPECT_EQ(numbers(shards.positions(0)), (std::vector<int>{0, 1, 8, 9, 10}));
  EXPECT_EQ(numbers(shards.positions(1)), (std::vector<int>{2, 7}));
  EXPECT_EQ(numbers(shards.positions(2)), (std::vector<int>{3, 4, 5, 6}));
  EXPECT_EQ(shards.largest(), 5);
}

TEST(Zigzag, OnlyTheRatioOfSharesCounts) {
  const ZigzagShards shards(range(0, 1001), Shares{6, 2, 4});
  const ZigzagShards same(range(0, 1001), Shares{3, 1, 2});
  for (int member = 0; member < 3; ++member) EXPECT_EQ(shards.ranges(member), same.ranges(member));
}

// A query at position p sees p + 1 keys. 12,000 positions: 72,006,000 pairs, of which shares 3, 1, 2 are 36, 12 and 24
// million and a part of the diagonal.
TEST(Zigzag, CausalWorkFollowsTheShares) {
  const ZigzagShards shards(range(0, 12'000), Shares{3, 1, 2});
  const std::int64_t expected[] = {36'003'000, 12'001'000, 24'002'000};
  for (int member = 0; member < 3; ++member) {
    std::int64_t pairs = 0;
    for (const int position : numbers(shards.positions(member))) pairs += position + 1;
    EXPECT_EQ(pairs, expected[member]);
  }
}

TEST(Zigzag, SharesBelowOneAreABug) {
  EXPECT_THROW(ZigzagShards(range(0, 5), Shares{1, 0}), InternalError);
  EXPECT_THROW(ZigzagShards(range(0, 5), Shares{}), InternalError);
  EXPECT_THROW(ZigzagShards(range(0, 5), 0), InternalError);
}

TEST(Zigzag, LargeSharesOfLongSequencesDoNotOverflow) {
  const ZigzagShards shards(range(0, 2'000'000'000), Shares{900'000'000, 100'000'000});
  EXPECT_EQ(shards.size(0), 1'800'000'000);
  EXPECT_EQ(shards.owner(GlobalPosition(900'000'000)), 1);
}

TEST(Zigzag, OneMemberHoldsOneRange) {
  EXPECT_EQ(ZigzagShards(range(3, 8), 1).ranges(0), (std::vector<PositionRange>{range(3, 8)}));
}

TEST(Zigzag, AChunkInTheMiddleIsCutLikeOneAtTheStart) {
  const ZigzagShards shards(range(100, 111), 3);
  EXPECT_EQ(shards.ranges(1), (std::vector<PositionRange>{range(101, 103), range(107, 109)}));
  EXPECT_EQ(shards.owner(GlobalPosition(110)), 0);
  EXPECT_EQ(shards.local(GlobalPosition(110)), LocalPosition(2));
}

TEST(Zigzag, PartsMayBeEmpty) {  // 2 positions, 6 parts with borders floor(2 j / 6): 0 0 0 1 1 1 2
  const ZigzagShards shards(range(0, 2), 3);
  EXPECT_EQ(numbers(shards.positions(0)), std::vector<int>{1});
  EXPECT_EQ(numbers(shards.positions(1)), std::vector<int>{});
  EXPECT_EQ(numbers(shards.positions(2)), std::vector<int>{0});
  EXPECT_TRUE(shards.ranges(1).empty());
}

TEST(Zigzag, LongSequencesDoNotOverflow) {
  const ZigzagShards shards(range(0, 2'000'000'000), 1000);
  EXPECT_EQ(shards.size(999), 2'000'000);
  EXPECT_EQ(shards.owner(GlobalPosition(1'999'999'999)), 0);
  EXPECT_EQ(shards.local(GlobalPosition(1'999'999'999)), LocalPosition(1'999'999));
}

TEST(Zigzag, APositionOutsideIsABug) {
  const ZigzagShards shards(range(10, 20), 2);
  EXPECT_THROW(shards.owner(GlobalPosition(9)), InternalError);
  EXPECT_THROW(shards.local(GlobalPosition(20)), InternalError);
  EXPECT_THROW(shards.positions(2), InternalError);
}

class EveryZigzag : public testing::TestWithParam<int> {  // the number of members
 protected:
  template <class Check>
  void for_every_length(Check&& check) {
    Shares uneven;
    for (int member = 0; member < GetParam(); ++member) uneven.push_back(1 + 5 * (member % 3));  // 1 6 11 1 6 11
    for (int n = 0; n <= 40; ++n) {
      SCOPED_TRACE(testing::Message() << n << " positions, " << GetParam() << " members");
      check(n, ZigzagShards(range(7, 7 + n), GetParam()));
      check(n, ZigzagShards(range(7, 7 + n), uneven));
    }
  }
};

TEST_P(EveryZigzag, EachPositionIsOwnedOnce) {
  for_every_length([](int n, const ZigzagShards& shards) {
    std::vector<int> all;
    for (int member = 0; member < shards.members(); ++member) {
      for (const int position : numbers(shards.positions(member))) all.push_back(position);
    }
    std::sort(all.begin(), all.end());
    std::vector<int> expected(static_cast<std::size_t>(n));
    std::iota(expected.begin(), expected.end(), 7);
    EXPECT_EQ(all, expected);
  });
}

TEST_P(EveryZigzag, OwnerAndLocalAreTheInverseOfPositions) {
  for_every_length([](int, const ZigzagShards& shards) {
    for (int member = 0; member < shards.members(); ++member) {
      const auto positions = shards.positions(member);
      EXPECT_TRUE(std::is_sorted(positions.begin(), positions.end()));
      EXPECT_EQ(shards.size(member), static_cast<int>(positions.size()));
      EXPECT_LE(shards.size(member), shards.largest());
      for (std::size_t i = 0; i < positions.size(); ++i) {
        EXPECT_EQ(shards.owner(positions[i]), member);
        EXPECT_EQ(shards.local(positions[i]), LocalPosition(i));
      }
    }
  });
}

TEST_P(EveryZigzag, TheLastPositionIsTheFirstMembers) {
  for_every_length([](int n, const ZigzagShards& shards) {
    if (n == 0) return;
    EXPECT_EQ(shards.positions(0).back(), GlobalPosition(7 + n - 1));
  });
}

TEST_P(EveryZigzag, RangesAreNotEmptyAndDoNotTouch) {
  for_every_length([](int, const ZigzagShards& shards) {
    for (int member = 0; member < shards.members(); ++member) {
      const auto ranges = shards.ranges(member);
      EXPECT_LE(ranges.size(), 2u);
      for (const PositionRange& piece : ranges) EXPECT_GT(piece.size(), 0);
      EXPECT_TRUE(ranges.size() < 2 || ranges[1].begin > ranges[0].end);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Members, EveryZigzag, testing::Range(1, 7));

}  // namespace
}  // namespace gemring
