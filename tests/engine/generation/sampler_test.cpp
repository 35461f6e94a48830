#include "engine/generation/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/check.h"
#include "engine/base/error.h"

namespace gemring {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr int kDraws = 20'000;

using Logits = std::vector<float>;

int greedy(const Logits& logits) {
  return Sampler({}, logits.size()).sample(logits, GlobalPosition(0)).value();
}

// Share of each token over kDraws positions. A share near p has a standard deviation of sqrt(p (1 - p) / kDraws) <
// 0.0036.
std::vector<double> shares(const SamplingOptions& options, const Logits& logits) {
  Sampler sampler(options, logits.size());
  std::vector<double> out(logits.size(), 0.0);
  for (int i = 0; i < kDraws; ++i) out[sampler.sample(logits, GlobalPosition(i)).index()] += 1.0 / kDraws;
  return out;
}

void expect_shares(const SamplingOptions& options, const Logits& logits, const std::vector<double>& expected) {
  const std::vector<double> got = shares(options, logits);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] == 0.0) {
      EXPECT_EQ(got[i], 0.0) << i;
    } else {
      EXPECT_NEAR(got[i], expected[i], 0.012) << i;
    }
  }
}

// Probabilities 0.1, 0.4, 0.2, 0.3 at temperature 1.
const Logits kFour = {std::log(1.0f), std::log(4.0f), std::log(2.0f), std::log(3.0f)};

TEST(Sampler, GreedyTakesTheLargestAndTheLowerOfEquals) {
  EXPECT_EQ(greedy({1, 3, 2}), 1);
  EXPECT_EQ(greedy({1, 3, 3, 3}), 1);
  EXPECT_EQ(greedy({-kInfinity, -5, -kInfinity}), 1);
  EXPECT_EQ(greedy({-1}), 0);
}

TEST(Sampler, NanLogitsAndNoFiniteLogitAreBugs) {
  EXPECT_THROW(greedy({1, kNan, 2}), InternalError);
  EXPECT_THROW(greedy({kNan, 1}), InternalError);
  EXPECT_THROW(greedy({-kInfinity, -kInfinity}), InternalError);
  EXPECT_THROW(greedy({1, kInfinity}), InternalError);
  Sampler random({.temperature = 1.0f}, 2);
  EXPECT_THROW(random.sample(Logits{1, kNan}, GlobalPosition(0)), InternalError);
}

TEST(Sampler, ADifferentNumberOfLogitsIsABug) {
  EXPECT_THROW(Sampler({}, 3).sample(Logits{1, 2}, GlobalPosition(0)), InternalError);
}

TEST(Sampler, TokensBeyondTheKnownOnesAreNeitherChosenNorRead) {
  Sampler sampler({}, 4);
  sampler.set_known_tokens(2);
  EXPECT_EQ(sampler.sample(Logits{1, 2, 9, kNan}, GlobalPosition(0)).value(), 1);
  sampler.set_known_tokens(100);  // a tokenizer larger than the embedding
  EXPECT_EQ(sampler.sample(Logits{1, 2, 9, 3}, GlobalPosition(0)).value(), 2);
}

TEST(Sampler, HolesOfTheVocabularyAreNeitherChosenNorRead) {
  const std::vector<TokenId> holes = {TokenId(1), TokenId(3), TokenId(77)};
  Sampler sampler({}, 5);
  sampler.set_known_tokens(5, holes);
  EXPECT_EQ(sampler.sample(Logits{1, kNan, 2, 9, 3}, GlobalPosition(0)).value(), 4);
  sampler.set_known_tokens(4, holes);
  EXPECT_EQ(sampler.sample(Logits{1, 9, 2, kInfinity, 3}, GlobalPosition(0)).value(), 2);
  // Hot enough that every id is drawn where it may be: 0, 2 and 4 with a third each.
  Sampler hot({.temperature = 1e6f, .seed = 11}, 5);
  hot.set_known_tokens(5, holes);
  std::vector<int> drawn(5, 0);
  for (int i = 0; i < 3'000; ++i) ++drawn[hot.sample(Logits{1, 9, 2, 9, 3}, GlobalPosition(i)).index()];
  EXPECT_EQ(drawn[1] + drawn[3], 0);
  EXPECT_GT(std::min({drawn[0], drawn[2], drawn[4]}), 800);
}

TEST(Sampler, TemperatureOneDrawsEachTokenWithItsProbability) {
  expect_shares({.temperature = 1.0f, .seed = 1}, kFour, {0.1, 0.4, 0.2, 0.3});
}

TEST(Sampler, TemperatureSharpensAndFlattens) {
  // exp(l / 0.5) is the square of the weight: 1 16 4 9 of 30; temperature 2: 1 2 sqrt2 sqrt3 of 6.146.
  expect_shares({.temperature = 0.5f, .seed = 2}, kFour, {0.0333, 0.5333, 0.1333, 0.3});
  expect_shares({.temperature = 2.0f, .seed = 3}, kFour, {0.1627, 0.3254, 0.2301, 0.2818});
}

TEST(Sampler, ATinyTemperatureIsGreedy) {
  expect_shares({.temperature = 1e-30f, .seed = 4}, kFour, {0, 1, 0, 0});
}

TEST(Sampler, TopKLeavesTheKBest) {
  expect_shares({.temperature = 1.0f, .top_k = 2, .seed = 5}, kFour, {0, 4.0 / 7, 0, 3.0 / 7});
  expect_shares({.temperature = 1.0f, .top_k = 1, .seed = 5}, kFour, {0, 1, 0, 0});
  expect_shares({.temperature = 1.0f, .top_k = 9, .seed = 5}, kFour, {0.1, 0.4, 0.2, 0.3});
}

TEST(Sampler, TopKTiesGoToTheLowerId) {
  expect_shares({.temperature = 1.0f, .top_k = 2, .seed = 6}, {1, 1, 1, 1}, {0.5, 0.5, 0, 0});
}

TEST(Sampler, TopPLeavesTheSmallestSetThatReachesP) {
  expect_shares({.temperature = 1.0f, .top_p = 0.39f, .seed = 7}, kFour, {0, 1, 0, 0});
  expect_shares({.temperature = 1.0f, .top_p = 0.69f, .seed = 7}, kFour, {0, 4.0 / 7, 0, 3.0 / 7});
  expect_shares({.temperature = 1.0f, .top_p = 0.71f, .seed = 7}, kFour, {0, 4.0 / 9, 2.0 / 9, 3.0 / 9});
}

TEST(Sampler, TopPIsTakenOfWhatTopKLeft) {
  // Of the two best, 4/7 and 3/7, the first alone reaches 0.55; of all four it has 0.4 only.
  expect_shares({.temperature = 1.0f, .top_k = 2, .top_p = 0.55f, .seed = 8}, kFour, {0, 1, 0, 0});
}

TEST(Sampler, MinPLeavesTokensThatHaveThisShareOfTheBest) {
  // Shares of the best: 1/4, 1, 1/2, 3/4.
  expect_shares({.temperature = 1.0f, .min_p = 0.24f, .seed = 12}, kFour, {0.1, 0.4, 0.2, 0.3});
  expect_shares({.temperature = 1.0f, .min_p = 0.26f, .seed = 12}, kFour, {0, 4.0 / 9, 2.0 / 9, 3.0 / 9});
  expect_shares({.temperature = 1.0f, .min_p = 0.51f, .seed = 12}, kFour, {0, 4.0 / 7, 0, 3.0 / 7});
  expect_shares({.temperature = 1.0f, .min_p = 1.0f, .seed = 12}, kFour, {0, 1, 0, 0});
  expect_shares({.temperature = 1.0f, .min_p = 1.0f, .seed = 12}, {1, 1, 0}, {0.5, 0.5, 0});
}

TEST(Sampler, MinPLooksAtProbabilitiesOfTemperatureOne) {
  // As in llama.cpp, where temperature comes last: at temperature 2 the shares are 1/2, 1, 0.71 and 0.87.
  expect_shares({.temperature = 2.0f, .min_p = 0.6f, .seed = 13}, kFour, {0, 0.5359, 0, 0.4641});
}

TEST(Sampler, MinPIsTakenOfWhatTopPLeft) {
  // 0.4 + 0.3 + 0.2 of 1 reach 0.75; of the 0.9 that min-p would leave first, 0.4 + 0.3 did already.
  expect_shares({.temperature = 1.0f, .top_p = 0.75f, .min_p = 0.49f, .seed = 14}, kFour,
                {0, 4.0 / 9, 2.0 / 9, 3.0 / 9});
}

TEST(Sampler, PenaltiesCountForGreedyChoices) {
  Sampler sampler({.penalties = {.repeat = 2.0f}}, 3);
  const Logits logits = {5, 4, 2};
  EXPECT_EQ(sampler.sample(logits, GlobalPosition(0)).value(), 0) << "nothing was said";
  sampler.accept(std::vector{TokenId(0)});
  EXPECT_EQ(sampler.sample(logits, GlobalPosition(1)).value(), 1) << "2.5 4 2";
  sampler.accept(std::vector{TokenId(1)});
  EXPECT_EQ(sampler.sample(logits, GlobalPosition(2)).value(), 0) << "2.5 2 2";
}

TEST(Sampler, PenaltiesComeBeforeTopKAndMinP) {
  const SamplingOptions options{.temperature = 1.0f, .top_k = 2, .min_p = 0.5f, .penalties = {.presence = 100.0f}};
  Sampler sampler(options, 4);
  sampler.accept(std::vector{TokenId(1)});  // leaves 0.1, 0.2, 0.3: the two best are 2 and 3
  std::vector<double> got(4, 0.0);
  for (int i = 0; i < kDraws; ++i) got[sampler.sample(kFour, GlobalPosition(i)).index()] += 1.0 / kDraws;
  EXPECT_EQ(got[0] + got[1], 0.0);
  EXPECT_NEAR(got[2], 0.4, 0.012);
}

TEST(Sampler, PenaltiesOfNothingChangeNoBit) {
  Sampler plain({.temperature = 0.8f, .top_p = 0.9f, .seed = 3}, 4);
  Sampler idle({.temperature = 0.8f, .top_p = 0.9f, .penalties = {.frequency = 1.0f, .last_n = 0}, .seed = 3}, 4);
  idle.accept(std::vector{TokenId(1), TokenId(2)});
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(plain.sample(kFour, GlobalPosition(i)), idle.sample(kFour, GlobalPosition(i))) << i;
  }
}

TEST(Sampler, ANucleusOfManyTokensIsExact) {
  // 1000 equal tokens: 0.25 of the probability are the 250 lowest ids.
  Sampler sampler({.temperature = 1.0f, .top_p = 0.25f, .seed = 9}, 1000);
  const Logits equal(1000, 0.0f);
  std::vector<bool> seen(1000, false);
  for (int i = 0; i < 4'000; ++i) seen[sampler.sample(equal, GlobalPosition(i)).index()] = true;
  EXPECT_EQ(std::count(seen.begin(), seen.begin() + 250, true), 250);
  EXPECT_EQ(std::count(seen.begin() + 250, seen.end(), true), 0);
}

TEST(Sampler, ImpossibleTokensAreNeverDrawn) {
  expect_shares({.temperature = 1.0f, .seed = 10}, {-kInfinity, 0, -kInfinity, 0}, {0, 0.5, 0, 0.5});
}

TEST(Sampler, SeedAndPositionAloneDecideTheToken) {
  const SamplingOptions options{.temperature = 1.0f, .top_p = 0.9f, .seed = 42};
  Sampler forward(options, 4), backward(options, 4);
  std::vector<int> a(100), b(100);
  for (int i = 0; i < 100; ++i) a[static_cast<std::size_t>(i)] = forward.sample(kFour, GlobalPosition(i)).value();
  for (int i = 99; i >= 0; --i) b[static_cast<std::size_t>(i)] = backward.sample(kFour, GlobalPosition(i)).value();
  EXPECT_EQ(a, b);
}

TEST(KeyedUniform, IsSplitMix64OfSeedAndPosition) {
  // Worked out from the published algorithm with Python's integers.
  EXPECT_DOUBLE_EQ(keyed_uniform(0, GlobalPosition(0)), 0.6524484863740322);
  EXPECT_DOUBLE_EQ(keyed_uniform(42, GlobalPosition(7)), 0.08603176010658542);
}

TEST(KeyedUniform, NeighbouringSeedsAndPositionsAreUnrelated) {
  // Means of products of neighbours: 1/4 where unrelated, standard deviation 0.22 / sqrt(kDraws) = 0.0016.
  double mean = 0, by_position = 0, by_seed = 0, diagonal = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = keyed_uniform(5, GlobalPosition(i));
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    mean += u / kDraws;
    by_position += u * keyed_uniform(5, GlobalPosition(i + 1)) / kDraws;
    by_seed += u * keyed_uniform(6, GlobalPosition(i)) / kDraws;
    diagonal += u * keyed_uniform(6, GlobalPosition(i + 1)) / kDraws;
  }
  EXPECT_NEAR(mean, 0.5, 0.008);
  EXPECT_NEAR(by_position, 0.25, 0.006);
  EXPECT_NEAR(by_seed, 0.25, 0.006);
  EXPECT_NEAR(diagonal, 0.25, 0.006);
}

void expect_usage_error(const SamplingOptions& options, const std::string& where) {
  try {
    validate(options);
    FAIL() << "accepted; expected an error of " << where;
  } catch (const UsageError& error) {
    EXPECT_EQ(error.text().where, where);
  }
}

TEST(SamplingOptions, OutOfRangeIsAUsageError) {
  for (float temperature : {-1.0f, kInfinity, kNan}) expect_usage_error({.temperature = temperature}, "--temperature");
  expect_usage_error({.top_k = -1}, "--top-k");
  for (float top_p : {0.0f, -0.5f, 1.01f, kInfinity, kNan}) expect_usage_error({.top_p = top_p}, "--top-p");
  for (float min_p : {-0.1f, 1.01f, kInfinity, kNan}) expect_usage_error({.min_p = min_p}, "--min-p");
  for (float repeat : {0.0f, -1.0f, 101.0f, kInfinity, kNan}) {
    expect_usage_error({.penalties = {.repeat = repeat}}, "--repeat-penalty");
  }
  for (float penalty : {-101.0f, 101.0f, -kInfinity, kNan}) {
    expect_usage_error({.penalties = {.presence = penalty}}, "--presence-penalty");
    expect_usage_error({.penalties = {.frequency = penalty}}, "--frequency-penalty");
  }
  expect_usage_error({.penalties = {.last_n = -2}}, "--repeat-last-n");
  EXPECT_NO_THROW(validate({.temperature = 0.0f, .top_k = 0, .top_p = 1.0f}));
  EXPECT_NO_THROW(validate({.min_p = 1.0f, .penalties = {.repeat = 0.01f, .presence = -100, .last_n = -1}}));
  EXPECT_THROW(Sampler({.top_k = -1}, 4), UsageError);
}

}  // namespace
}  // namespace gemring
