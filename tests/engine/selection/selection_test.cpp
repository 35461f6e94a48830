#include "engine/selection/selection.h"

#include <gtest/gtest.h>

#include <limits>

#include "engine/base/check.h"

namespace gemring {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<int> values(const std::vector<OriginalPosition>& positions) {
  std::vector<int> out;
  for (OriginalPosition position : positions) out.push_back(position.value());
  return out;
}

std::vector<int> select(const std::vector<float>& scores, const ResolvedSelection& selection) {
  return values(select_positions(scores, selection));
}

using Scores = std::vector<float>;
using Positions = std::vector<int>;

TEST(SelectPositions, TakesTheBestInOrderOfPosition) {
  EXPECT_EQ(select({1, 9, 3, 8, 2, 7}, {.keep = 3, .pool_width = 1}), (Positions{1, 3, 5}));
}

TEST(SelectPositions, EqualScoresKeepTheLowerPosition) {
  EXPECT_EQ(select({2, 5, 2, 2, 2}, {.keep = 3, .pool_width = 1}), (Positions{0, 1, 2}));
  EXPECT_EQ(select({1, 1, 1, 1}, {.keep = 2, .pool_width = 1}), (Positions{0, 1}));
  EXPECT_EQ(select({0.0f, -0.0f, 0.0f}, {.keep = 2, .pool_width = 1}), (Positions{0, 1}));
}

TEST(SelectPositions, PoolingBringsTheNeighboursOfAStrongToken) {
  // Pooled with width 3: 0 3 3 3 0 0 4/3 4/3; unpooled the best three would be 2, 7 and 0.
  EXPECT_EQ(select({0, 0, 9, 0, 0, 0, 0, 4}, {.keep = 3, .pool_width = 3}), (Positions{1, 2, 3}));
}

TEST(SelectPositions, ForcedTokensStayAndTheBestOfTheRestFillUp) {
  const Scores scores = {-9, -9, 1, 5, 3, 4, -9, -9};
  EXPECT_EQ(select(scores, {.keep = 5, .pool_width = 1, .forced = {{0, 1}, {6, 8}}}), (Positions{0, 3, 5, 6, 7}));
}

TEST(SelectPositions, AStrongForcedTokenTakesNoSecondPlace) {
  const Scores scores = {9, 1, 2, 3, 9};
  EXPECT_EQ(select(scores, {.keep = 3, .pool_width = 1, .forced = {{0, 1}, {4, 5}}}), (Positions{0, 3, 4}));
}

TEST(SelectPositions, ForcedTokensMayFillTheWholePrompt) {
  EXPECT_EQ(select({0, 9, 9, 9, 0}, {.keep = 3, .pool_width = 1, .forced = {{0, 2}, {4, 5}}}), (Positions{0, 1, 4}));
}

TEST(SelectPositions, EverythingIsKeptWhereThePromptIsNoLonger) {
  EXPECT_EQ(select({3, 1, 2}, {.keep = 3}), (Positions{0, 1, 2}));
  EXPECT_EQ(select({3, 1, 2}, {.keep = 10, .forced = {{0, 3}}}), (Positions{0, 1, 2}));
  EXPECT_EQ(select({}, {.keep = 1}), Positions{});
}

TEST(SelectPositions, InfiniteScoresAreOrderedLikeOthers) {
  EXPECT_EQ(select({-kInfinity, 1, kInfinity, 2}, {.keep = 2, .pool_width = 1}), (Positions{2, 3}));
}

TEST(SelectPositions, NanIsABug) {
  EXPECT_THROW(select({1, kNan, 2}, {.keep = 1}), InternalError);
  EXPECT_THROW(select({1, kNan, 2}, {.keep = 5}), InternalError) << "also where everything is kept";
  EXPECT_THROW(select({kInfinity, -kInfinity, 2, 3, 4, 5}, {.keep = 1}), InternalError) << "inf - inf in the pool";
}

TEST(SelectPositions, ForcedTokensMayStandAnywhere) {
  EXPECT_EQ(select({1, 0, 0, 5, 4, 0, 0, 3}, {.keep = 4, .pool_width = 1, .forced = {{1, 2}, {5, 6}}}),
            (Positions{1, 3, 4, 5}));
}

TEST(SelectPositions, MoreForcedThanKeepIsABug) {
  EXPECT_THROW(select({1, 2, 3, 4}, {.keep = 2, .forced = {{0, 2}, {3, 4}}}), InternalError);
}

TEST(SelectPositions, AMillionEqualScoresKeepTheFirst) {
  const auto kept = select_positions(Scores(1'000'000, 0.5f), {.keep = 62'500, .pool_width = 1});
  ASSERT_EQ(kept.size(), 62'500u);
  EXPECT_EQ(kept.back().value(), 62'499);
}

TEST(Compress, TakesTheTokensOfTheKeptPositions) {
  const std::vector<TokenId> prompt = {TokenId(10), TokenId(11), TokenId(12), TokenId(13)};
  const CompressedPrompt compressed = compress(prompt, {OriginalPosition(1), OriginalPosition(3)});
  EXPECT_EQ(compressed.ids, (std::vector<TokenId>{TokenId(11), TokenId(13)}));
  EXPECT_EQ(values(compressed.kept), (Positions{1, 3}));
}

TEST(Compress, PositionsOutsideThePromptOrOutOfOrderAreBugs) {
  const std::vector<TokenId> prompt = {TokenId(10), TokenId(11)};
  EXPECT_THROW(compress(prompt, {OriginalPosition(2)}), InternalError);
  EXPECT_THROW(compress(prompt, {OriginalPosition(1), OriginalPosition(0)}), InternalError);
  EXPECT_THROW(compress(prompt, {OriginalPosition(1), OriginalPosition(1)}), InternalError);
}

TEST(KeptSpans, JoinNeighbours) {
  std::vector<OriginalPosition> kept;
  for (int position : {0, 1, 2, 5, 7, 8}) kept.emplace_back(position);
  std::vector<std::pair<int, int>> spans;
  for (const KeptSpan& span : kept_spans(kept)) spans.emplace_back(span.begin.value(), span.end.value());
  EXPECT_EQ(spans, (std::vector<std::pair<int, int>>{{0, 3}, {5, 6}, {7, 9}}));
  EXPECT_TRUE(kept_spans({}).empty());
}

}  // namespace
}  // namespace gemring
