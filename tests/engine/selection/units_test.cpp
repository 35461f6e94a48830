// Units that are kept as a whole.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "engine/base/check.h"
#include "engine/selection/selection.h"

namespace gemring {
namespace {

using Kept = std::vector<int>;

Kept select_units(const std::vector<float>& scores, const ResolvedSelection& selection) {
  Kept positions;
  for (const OriginalPosition position : select_positions(scores, selection)) positions.push_back(position.value());
  return positions;
}

ResolvedSelection of_units(std::int32_t keep, std::vector<std::int32_t> ends, std::vector<TokenRange> forced = {}) {
  return {.keep = keep,
          .pool_width = 1,
          .forced = std::move(forced),
          .unit = KeepUnit::lines,
          .unit_ends = std::move(ends)};
}

TEST(Units, TheOneWithTheBestTokenGoesInWhole) {
  //                 |0  1  2 |3  4 |5  6  7  8 |
  EXPECT_EQ(select_units({5, 0, 0, 9, 0, 6, 6, 6, 6}, of_units(5, {3, 5, 9})), (Kept{3, 4, 6 - 1, 6, 7}))
      << "then the one of sixes, as far as there is room: around its first six";
  EXPECT_EQ(select_units({5, 0, 0, 9, 0, 6, 6, 6, 6}, of_units(6, {3, 5, 9})), (Kept{3, 4, 5, 6, 7, 8}));
}

TEST(Units, OfEqualOnesTheFirst) {
  EXPECT_EQ(select_units({0, 7, 7, 0, 0, 7}, of_units(2, {2, 4, 6})), (Kept{0, 1}));
  EXPECT_EQ(select_units({0, 7, 7, 0, 0, 7}, of_units(4, {2, 4, 6})), (Kept{0, 1, 2, 3}));
}

TEST(Units, AUnitLongerThanWhatIsLeftGivesTheTokensAroundItsBest) {
  const std::vector<float> scores = {0, 0, 0, 0, 9, 0, 0, 0};
  EXPECT_EQ(select_units(scores, of_units(3, {8})), (Kept{3, 4, 5}));
  EXPECT_EQ(select_units(scores, of_units(4, {8})), (Kept{2, 3, 4, 5}));
  EXPECT_EQ(select_units({9, 0, 0, 0}, of_units(3, {4})), (Kept{0, 1, 2})) << "nothing stands before it";
  EXPECT_EQ(select_units({0, 0, 0, 9}, of_units(3, {4})), (Kept{1, 2, 3})) << "nothing stands behind it";
}

TEST(Units, ForcedTokensNeitherCountNorScoreForTheirUnit) {
  // The nine is forced, so its unit scores 1; the second unit comes first.
  EXPECT_EQ(select_units({9, 1, 1, 2, 0, 0}, of_units(3, {3, 5, 6}, {{0, 1}})), (Kept{0, 3, 4}));
  EXPECT_EQ(select_units({9, 1, 1, 2, 0, 0}, of_units(5, {3, 5, 6}, {{0, 1}})), (Kept{0, 1, 2, 3, 4}));
  EXPECT_EQ(select_units({0, 9, 0, 0, 5, 0}, of_units(4, {6}, {{2, 4}})), (Kept{0, 1, 2, 3}))
      << "the tokens around the best go on behind forced ones";
}

TEST(Units, ChunksStandOnAGridFromTheFirstToken) {
  std::vector<float> scores(100, 0.0f);
  scores[40] = 1;
  Kept second, last;
  for (int i = 32; i < 64; ++i) second.push_back(i);
  EXPECT_EQ(select_units(scores, {.keep = 32, .pool_width = 1, .unit = KeepUnit::chunks}), second);
  scores[98] = 2;
  for (int i = 96; i < 100; ++i) last.push_back(i);
  EXPECT_EQ(select_units(scores, {.keep = 4, .pool_width = 1, .unit = KeepUnit::chunks}), last)
      << "the last one is shorter";
}

TEST(Units, BordersThatAreNoneAreBugs) {
  EXPECT_THROW(select_units({1, 2, 3}, of_units(2, {})), InternalError);
  EXPECT_THROW(select_units({1, 2, 3}, of_units(2, {2})), InternalError);
  EXPECT_THROW(select_units({1, 2, 3}, of_units(2, {2, 2, 3})), InternalError);
  EXPECT_THROW(select_units({1, 2, 3}, of_units(2, {4})), InternalError);
}

TEST(Units, AnySelectionIsSortedHoldsWhatIsForcedAndHasExactlyKeep) {
  std::mt19937 random(7);
  const auto below = [&](std::int32_t bound) {
    return static_cast<std::int32_t>(random() % static_cast<unsigned>(bound));
  };
  for (int round = 0; round < 300; ++round) {
    const std::int32_t n = 2 + below(200);
    std::vector<float> scores;
    for (std::int32_t i = 0; i < n; ++i) scores.push_back(static_cast<float>(below(6)));  // many ties
    std::vector<std::int32_t> ends;
    for (std::int32_t end = 1 + below(9); end < n; end += 1 + below(9)) ends.push_back(end);
    ends.push_back(n);
    const std::int32_t begin = below(n);
    const auto forced = merged({{0, below(4)}, {begin, begin + below(9)}}, n);
    const auto least = static_cast<std::int32_t>(count_tokens(forced));
    for (const KeepUnit unit : {KeepUnit::tokens, KeepUnit::chunks, KeepUnit::lines, KeepUnit::sentences}) {
      ResolvedSelection selection = of_units(std::max(least, 1 + below(n)), ends, forced);
      selection.unit = unit;
      selection.pool_width = 3;
      const Kept kept = select_units(scores, selection);
      ASSERT_EQ(kept.size(), static_cast<std::size_t>(std::min(selection.keep, n)));
      for (std::size_t i = 1; i < kept.size(); ++i) ASSERT_LT(kept[i - 1], kept[i]);
      ASSERT_GE(kept.front(), 0);
      ASSERT_LT(kept.back(), n);
      for (const TokenRange& range : forced) {
        for (std::int32_t i = range.begin; i < range.end; ++i) {
          ASSERT_TRUE(std::binary_search(kept.begin(), kept.end(), i));
        }
      }
    }
  }
}

TEST(ForcedTokens, RangesThatOverlapOrTouchBecomeOne) {
  using Merged = std::vector<TokenRange>;
  EXPECT_EQ(merged({{5, 9}, {0, 4}, {8, 12}, {4, 5}, {7, 7}}, 100), (Merged{{0, 12}}));
  EXPECT_EQ(merged({{-3, 2}, {95, 300}, {200, 201}}, 100), (Merged{{0, 2}, {95, 100}}));
  EXPECT_EQ(merged({{0, 10}, {2, 3}}, 100), (Merged{{0, 10}}));
  EXPECT_EQ(count_tokens(merged({{0, 10}, {20, 21}}, 100)), 11);
}

}  // namespace
}  // namespace gemring
