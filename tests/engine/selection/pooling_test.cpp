#include "engine/selection/pooling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <limits>

#include "engine/base/check.h"
#include "engine/selection/selector.h"
#include "tests/support/numbers.h"

namespace gemring {
namespace {

constexpr float kBeyondScores = std::numeric_limits<float>::infinity();

using Scores = std::vector<float>;

TEST(AveragePool, CountsThePaddingAsZerosAndAlwaysDividesByTheWidth) {
  EXPECT_EQ(average_pool(Scores{5, 10, 15, 20, 25, 30}, 5), (Scores{6, 10, 15, 20, 18, 15}));
  EXPECT_EQ(average_pool(Scores{3, 6}, 3), (Scores{3, 3}));
}

TEST(AveragePool, WidthOneChangesNothing) {
  EXPECT_EQ(average_pool(Scores{1, -2, 3}, 1), (Scores{1, -2, 3}));
}

TEST(AveragePool, AWindowWiderThanTheTextTakesAllOfIt) {
  EXPECT_EQ(average_pool(Scores{7, 14}, 7), (Scores{3, 3}));
  EXPECT_EQ(average_pool(Scores{14, 28}, 33 * 7), (Scores{42.0f / 231, 42.0f / 231}));
  for (const int width : {5, 33, kWidestPool}) EXPECT_EQ(average_pool(Scores{}, width), Scores{});
}

TEST(AveragePool, AnEvenOrTooLargeWidthIsABug) {
  EXPECT_THROW(average_pool(Scores{1}, 4), InternalError);
  EXPECT_THROW(average_pool(Scores{1}, 0), InternalError);
  EXPECT_THROW(average_pool(Scores{1}, kWidestPool + 2), InternalError);
}

TEST(AveragePool, SmallWidthsAreAddedInOrderInF32AsTheReferenceDoes) {
  const Scores scores = test::numbers(500, 1);
  for (const std::size_t half : {1u, 2u, 15u}) {
    const Scores pooled = average_pool(scores, static_cast<std::int32_t>(2 * half + 1));
    for (std::size_t i = 0; i < scores.size(); ++i) {
      float sum = 0;
      for (std::size_t j = i < half ? 0 : i - half; j <= std::min(i + half, scores.size() - 1); ++j) sum += scores[j];
      EXPECT_EQ(pooled[i], sum / static_cast<float>(2 * half + 1)) << half << ", position " << i;
    }
  }
}

TEST(AveragePool, LargeWidthsAreRightToTheLastBit) {
  // Magnitudes of 2^-30 to 2^30 and both signs: sums in f32 or in double would not do.
  Scores scores = test::numbers(3000, 2);
  for (std::size_t i = 0; i < scores.size(); ++i)
    scores[i] = std::ldexp(scores[i], static_cast<int>(i * 7919 % 61) - 30);
  for (const std::size_t half : {16u, 50u, 700u, 2999u, 32767u}) {
    const auto width = static_cast<std::int32_t>(2 * half + 1);
    const Scores pooled = average_pool(scores, width);
    for (std::size_t i = 0; i < scores.size(); i += 37) {
      long double sum = 0;  // 64 bits: exact for what f32 needs of it
      for (std::size_t j = i < half ? 0 : i - half; j <= std::min(i + half, scores.size() - 1); ++j) sum += scores[j];
      EXPECT_EQ(pooled[i], static_cast<float>(static_cast<double>(sum) / width)) << width << ", position " << i;
    }
  }
}

TEST(AveragePool, EqualWindowsAreEqualWhereverTheyStand) {
  // A pattern that repeats, behind a number that would leave its rounding in a running sum.
  Scores scores = {1e15f};
  const Scores pattern = test::numbers(101, 3);
  for (int i = 0; i < 60; ++i) scores.insert(scores.end(), pattern.begin(), pattern.end());
  const Scores pooled = average_pool(scores, 101);
  for (std::size_t i = 102; i + 51 < scores.size(); ++i) {
    EXPECT_EQ(std::memcmp(&pooled[i], &pooled[i - 1], sizeof(float)), 0) << "each window holds the pattern once; " << i;
  }
}

TEST(AveragePool, NumbersThatAreWholeTieExactly) {
  Scores scores(5000);
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = static_cast<float>(i % 3);
  for (const std::int32_t width : {3, 33, 999}) {  // multiples of 3
    const Scores pooled = average_pool(scores, width);
    for (std::size_t i = 500; i < 4500; ++i) EXPECT_EQ(pooled[i], 1.0f) << width;
  }
}

TEST(AveragePool, InfinitiesLeaveWithTheirWindow) {
  Scores scores(200, 1.0f);
  scores[100] = kBeyondScores;
  scores[150] = -kBeyondScores;
  const Scores pooled = average_pool(scores, 65);
  EXPECT_EQ(pooled[67], 1.0f);
  EXPECT_EQ(pooled[68], kBeyondScores);
  EXPECT_EQ(pooled[117], kBeyondScores);
  EXPECT_TRUE(std::isnan(pooled[118]));
  EXPECT_TRUE(std::isnan(pooled[132]));
  EXPECT_EQ(pooled[133], -kBeyondScores);
  EXPECT_EQ(pooled[183], 49.0f / 65) << "positions 151 to 199";
  EXPECT_EQ(Scores(pooled.begin() + 34, pooled.begin() + 60), Scores(26, 1.0f));
}

TEST(AveragePool, ScoresThatAreAllZeroOrTinyDoNotOverflow) {
  EXPECT_EQ(average_pool(Scores(100, 0.0f), 33), Scores(100, 0.0f));
  const float tiny = std::numeric_limits<float>::denorm_min(), huge = std::numeric_limits<float>::max();
  EXPECT_EQ(average_pool(Scores(100, tiny), 33)[50], tiny);
  EXPECT_EQ(average_pool(Scores(100, huge), 33)[50], huge);
}

TEST(GemFilterSelector, KeepsWhatSelectPositionsKeeps) {
  const ResolvedSelection selection{.keep = 3, .pool_width = 3};
  const Scores scores = {0, 0, 9, 0, 0, 0, 0, 4};
  const auto kept = make_selector(selection)->select({.scores = scores});
  EXPECT_EQ(kept, (std::vector{OriginalPosition(1), OriginalPosition(2), OriginalPosition(3)}));
}

TEST(AveragePool, TheWidestPoolOfAMillionScoresTakesNoMinute) {
  const Scores scores = test::numbers(1'000'000, 4);
  const std::clock_t before = std::clock();
  EXPECT_EQ(average_pool(scores, kWidestPool).size(), scores.size());
  const double seconds = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  EXPECT_LT(seconds, 10) << "6.5e10 additions, one after the other, take 60";
}

}  // namespace
}  // namespace gemring
