#include "engine/selection/filter_profile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::error_of;

FilterProfile profile_of(std::vector<ScoringHead> heads, ScoreNormalisation normalisation = ScoreNormalisation::none) {
  FilterProfile profile;
  profile.heads = std::move(heads);
  profile.normalisation = normalisation;
  return profile;
}

ScoringHead head(int layer, std::optional<std::int32_t> of_layer, float weight = 1) {
  return {LayerIndex(layer), of_layer, weight};
}

ModelConfig four_layers() {
  ModelConfig config;
  config.layers.resize(4);
  config.heads = 6;
  config.vocab = 100;
  return config;
}

TEST(CombineScores, GemFilterKeepsItsBits) {
  const std::vector<float> raw = {1e30f, -0.0f, 3.0000001f, -std::numeric_limits<float>::infinity()};
  const std::vector<float> scores = combine_scores(raw, 4, gemfilter_profile(LayerIndex(2)));
  EXPECT_EQ(scores, raw);
  EXPECT_TRUE(std::signbit(scores[1]));
}

TEST(CombineScores, RawColumnsAreAddedWithTheirWeights) {
  const std::vector<float> columns = {1, 2, 3, 10, 20, 40};
  EXPECT_EQ(combine_scores(columns, 3, profile_of({head(1, 0), head(1, 1, 0.5f)})), (std::vector<float>{6, 12, 23}));
}

TEST(CombineScores, AZScoreTakesAwayTheMeanAndTheScale) {
  // Mean 4, deviation 2: -1, 1. Mean 0, deviation 1000: 1, -1. Without it the second head would drown the first.
  const std::vector<float> columns = {2, 6, 1000, -1000};
  EXPECT_EQ(combine_scores(columns, 2, profile_of({head(0, 3), head(2, 1, 0.25f)}, ScoreNormalisation::z_score)),
            (std::vector<float>{-0.75f, 0.75f}));
}

// Two heads with two queries each, three tokens. Raw: of a head's queries the larger product, then the sum.
TEST(CombineScores, AHeadSaysWhatTheBestOfItsQueriesDoes) {
  FilterProfile profile = profile_of({head(1, 0), head(1, 1, 0.5f)});
  profile.queries = 2;
  const std::vector<float> columns = {1, 5, 2, 4,  3, 2,   // head 0: 4 5 2
                                      0, 0, 8, -2, 6, 0};  // head 1: 0 6 8, halved
  EXPECT_EQ(combine_scores(columns, 3, profile), (std::vector<float>{4, 8, 6}));
  // A loud query does not drown the other: each is normalised by itself.
  profile = profile_of({head(1, 0)}, ScoreNormalisation::z_score);
  profile.queries = 2;
  const auto scores = combine_scores(std::vector<float>{-1, 1, -1, 1, 1000, -1000, -1000, 1000}, 4, profile);
  EXPECT_EQ(scores, (std::vector<float>{1, 1, -1, 1}));
}

TEST(CombineScores, AShortPromptHasFewerQueries) {
  FilterProfile profile = profile_of({head(1, 0), head(1, 1)});
  profile.queries = 16;
  EXPECT_EQ(profile.columns(), 32);
  EXPECT_EQ(combine_scores(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}, 2, profile), (std::vector<float>{10, 12}));
}

TEST(CombineScores, AHeadThatTellsNoTokenFromAnotherSaysNothing) {
  const std::vector<float> columns = {7, 7, 7, 1, 2, 3};
  const auto scores = combine_scores(columns, 3, profile_of({head(0, 0), head(0, 1)}, ScoreNormalisation::z_score));
  EXPECT_EQ(scores[1], 0);
  EXPECT_EQ(scores[2], -scores[0]);
  EXPECT_GT(scores[2], 1);
}

TEST(CombineScores, WhatIsNoNumberStaysNone) {
  const std::vector<float> columns = {1, std::nanf(""), 3, 1, 2, 3};
  for (const auto normalisation : {ScoreNormalisation::none, ScoreNormalisation::z_score}) {
    FilterProfile profile = profile_of({head(0, 0), head(0, 1)}, normalisation);
    EXPECT_TRUE(std::isnan(combine_scores(columns, 3, profile)[1]));
    profile = profile_of({head(0, 0)}, normalisation);
    profile.queries = 2;  // whichever of them it is
    EXPECT_TRUE(std::isnan(combine_scores(columns, 3, profile)[1]));
    EXPECT_TRUE(std::isnan(combine_scores(std::vector<float>{1, 2, 3, 1, std::nanf(""), 3}, 3, profile)[1]));
  }
}

TEST(FilterProfile, ItsLayersAndItsWords) {
  const FilterProfile profile = profile_of({head(1, 2), head(1, 4), head(3, 0)}, ScoreNormalisation::z_score);
  EXPECT_EQ(profile.filter_layer(), LayerIndex(3));
  EXPECT_EQ(profile.scoring_layers(), 2);
  EXPECT_EQ(describe(profile), "heads 1/2 1/4 3/0 (z-score)");
  EXPECT_EQ(describe(gemfilter_profile(LayerIndex(13))), "layer 13");
  FilterProfile lines = profile;
  lines.unit = KeepUnit::lines;
  EXPECT_EQ(describe(lines), "heads 1/2 1/4 3/0 (z-score), lines kept whole");
  lines.queries = 16;
  EXPECT_EQ(describe(lines), "heads 1/2 1/4 3/0 (z-score), best of 16 queries, lines kept whole");
  EXPECT_EQ(gemfilter_profile(LayerIndex(13)).scoring_layers(), 1);
}

TEST(CheckProfile, WhatTheModelDoesNotHaveIsRefused) {
  FilterProfile other = profile_of({head(1, 2)});
  other.shape = ProfiledShape{4, 6, 101};
  FilterProfile asks_much = profile_of({head(1, 1), head(1, 2), head(2, 0)}), asks_nothing = asks_much;
  asks_much.queries = 11;  // 33 pairs
  asks_nothing.queries = 0;
  const std::pair<FilterProfile, const char*> table[] = {
      {profile_of({}), "names 0 scoring heads"},
      {profile_of(std::vector<ScoringHead>(33, head(1, 1))), "names 33 scoring heads and 1 queries"},
      {asks_much, "names 3 scoring heads and 11 queries; 1 to 32 pairs"},
      {asks_nothing, "names 3 scoring heads and 0 queries"},
      {profile_of({head(4, 1)}), "layer 4 is outside 0..3"},
      {profile_of({head(3, 6)}), "head 3/6 is outside 0..5"},
      {profile_of({head(2, 1), head(1, 1)}), "do not ascend"},
      {profile_of({head(1, 1), head(1, 1, 2)}), "head 1/1 stands there twice"},
      {profile_of({head(1, 1, std::nanf(""))}), "is no number"},
      {other, "101 tokens"},
  };
  for (const auto& refused : table) {
    const std::string error = error_of<ConfigError>([&] { check_profile(refused.first, four_layers(), "p.json"); });
    EXPECT_TRUE(contains(error, refused.second) && contains(error, "p.json")) << error;
  }
  asks_much.queries = 10;
  check_profile(asks_much, four_layers(), "p.json");
  other.shape->vocab = 100;
  check_profile(other, four_layers(), "p.json");
}

}  // namespace
}  // namespace gemring
