#include "engine/selection/calibration.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

constexpr std::int32_t kLayers = 4, kHeads = 3, kTokens = 256, kQueries = kQueryCounts.back();

/// Noise in every head and query; the answer stands out to the last query in head 1 of layer 2, and in all heads of
/// layer 3.
struct Made {
  std::vector<float> columns;  // [layers x heads, queries, tokens]
  std::vector<OriginalPosition> answer;
  std::vector<ResolvedSelection> selections;

  float& at(std::int32_t layer, std::int32_t head, std::int32_t position, std::int32_t query = kQueries - 1) {
    return columns[static_cast<std::size_t>(((layer * kHeads + head) * kQueries + query) * kTokens + position)];
  }
  operator CalibrationCase() const {
    CalibrationCase made = case_of(columns, kTokens, kLayers, kHeads);
    made.answer = answer;
    made.selections = selections;
    return made;
  }
};

Made prompt(unsigned seed) {
  Made made;
  made.columns.resize(kLayers * kHeads * kQueries * kTokens);
  unsigned state = seed * 2654435761u + 1;
  for (float& value : made.columns) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) / static_cast<float>(1u << 24);
  }
  const std::int32_t at = 10 + static_cast<std::int32_t>(seed * 7 % 40);
  made.answer = {OriginalPosition(at), OriginalPosition(at + 1)};
  const auto raise = [&](std::int32_t layer, std::int32_t head) {
    for (const OriginalPosition position : made.answer) made.at(layer, head, position.value()) += 10;
  };
  raise(2, 1);
  for (std::int32_t head = 0; head < kHeads; ++head) raise(3, head);
  // Another head of layer 2 is loud and knows nothing: it drowns head 1 in the layer's sum.
  for (std::int32_t t = 0; t < 8; ++t) made.at(2, 2, t) += 1000;
  made.selections.resize(1);
  made.selections[0].keep = 6;
  return made;
}

std::vector<Made> made_prompts() {
  std::vector<Made> all;
  for (unsigned seed = 0; seed < 6; ++seed) all.push_back(prompt(seed));
  return all;
}

std::vector<CalibrationCase> cases(const std::vector<Made>& made) {
  return {made.begin(), made.end()};
}

TEST(Calibration, ASingleHeadIsFoundALayerBeforeTheSumOfAll) {
  const Calibration found = calibrate(cases(made_prompts()), kLayers, kHeads, 0.99, 0);
  EXPECT_TRUE(found.reached);
  EXPECT_EQ(found.best.profile.filter_layer(), LayerIndex(2));
  ASSERT_FALSE(found.best.profile.heads.empty());
  EXPECT_EQ(found.best.profile.heads.back(), (ScoringHead{LayerIndex(2), 1}));
  EXPECT_EQ(found.best.chosen_by, 1);
  EXPECT_EQ(found.best.confirmed_by, 1);
  EXPECT_EQ(found.best.profile.normalisation, ScoreNormalisation::z_score);
  ASSERT_EQ(found.layers.size(), 4u);
  EXPECT_LT(found.layers[2].all_heads, 0.5);
  EXPECT_EQ(found.layers[2].best_head, 1);
  EXPECT_EQ(found.layers[2].head, 1);
  EXPECT_EQ(found.layers[3].all_heads, 1);
}

TEST(Calibration, AMarginOfALayerIsTakenWhereThereIsOne) {
  std::vector<Made> all = made_prompts();
  for (Made& each : all) {  // surer, a layer later: head 1 of layer 2 also likes another token
    each.selections[0].pool_width = 1;
    each.at(2, 1, 5) += 20;
    for (const OriginalPosition position : each.answer) each.at(3, 2, position.value()) += 50;
  }
  EXPECT_EQ(calibrate(cases(all), kLayers, kHeads, 0.99, 0).best.profile.filter_layer(), LayerIndex(2));
  EXPECT_EQ(calibrate(cases(all), kLayers, kHeads, 0.99, 1).best.profile.filter_layer(), LayerIndex(3));
  EXPECT_EQ(calibrate(cases(all), kLayers, kHeads, 0.99, 9).best.profile.filter_layer(), LayerIndex(3));
}

TEST(Calibration, WhereNothingReachesTheTargetTheBestIsTold) {
  std::vector<Made> all = made_prompts();
  for (Made& each : all) {  // no head knows: what stood out is taken away
    for (float& value : each.columns) value = value > 5 ? 0 : value;
  }
  const Calibration found = calibrate(cases(all), kLayers, kHeads, 0.99, 0);
  EXPECT_FALSE(found.reached);
  EXPECT_GE(found.best.least(), found.runner_up.least());
  EXPECT_LT(found.best.least(), 0.99);
}

// One token of the answer's sixteen stands out: whoever keeps its neighbours keeps the answer.
TEST(Calibration, AUnitIsKeptWholeWhereSingleTokensDoNotReachTheTarget) {
  ResolvedSelection tokens{.keep = kChunkTokens, .pool_width = 1};
  ResolvedSelection chunks = tokens;
  chunks.unit = KeepUnit::chunks;
  std::vector<Made> all = made_prompts();
  for (Made& each : all) {
    each.selections = {tokens, chunks};
    for (float& value : each.columns) value = value > 5 ? 0 : value;
    each.answer.clear();
    for (std::int32_t t = kChunkTokens; t < kChunkTokens + 16; ++t) each.answer.emplace_back(t);
    each.at(2, 1, kChunkTokens + 8) += 10;
  }
  const Calibration found = calibrate(cases(all), kLayers, kHeads, 0.99, 0);
  EXPECT_TRUE(found.reached);
  EXPECT_EQ(found.best.profile.unit, KeepUnit::chunks);
  EXPECT_EQ(found.best.profile.pool_width, 1);
  EXPECT_EQ(found.best.profile.filter_layer(), LayerIndex(2));
  for (Made& each : all) each.selections = {tokens};
  EXPECT_FALSE(calibrate(cases(all), kLayers, kHeads, 0.99, 0).reached);
}

// What the last token does not ask, one of the 15 before it does: a layer earlier.
TEST(Calibration, EarlierTokensAskWhereTheLastOneDoesNot) {
  std::vector<Made> all = made_prompts();
  for (Made& each : all) {
    for (const OriginalPosition position : each.answer) each.at(1, 0, position.value(), 2) += 10;
  }
  const Calibration found = calibrate(cases(all), kLayers, kHeads, 0.99, 0);
  EXPECT_TRUE(found.reached);
  EXPECT_EQ(found.best.profile.queries, 16);
  EXPECT_EQ(found.best.profile.filter_layer(), LayerIndex(1));
  EXPECT_LE(found.best.profile.columns(), kMostColumns);
  EXPECT_EQ(found.runner_up.profile.filter_layer(), LayerIndex(2));
  EXPECT_LT(found.runner_up.profile.queries, 16);
}

// The question itself looks like its own answer to many heads; it is kept anyway, and takes nobody's place.
TEST(Calibration, ForcedTokensTakeNoPlace) {
  std::vector<Made> all = made_prompts();
  for (Made& each : all) {
    for (std::int32_t layer = 0; layer < kLayers; ++layer) {
      for (std::int32_t head = 0; head < kHeads; ++head) {
        for (std::int32_t t = kTokens - 8; t < kTokens; ++t) each.at(layer, head, t) += 20;
      }
    }
  }
  EXPECT_FALSE(calibrate(cases(all), kLayers, kHeads, 0.99, 0).reached);
  for (Made& each : all) each.selections[0] = {.keep = 14, .forced = {{kTokens - 8, kTokens}}};
  EXPECT_TRUE(calibrate(cases(all), kLayers, kHeads, 0.99, 0).reached);
}

TEST(Calibration, AHeadThatIsGoodByChanceIsNotConfirmed) {
  std::vector<Made> all = made_prompts();
  for (std::size_t i = 0; i < all.size(); i += 2) {  // head 0 of layer 0 knows the answers of the half that chooses
    for (const OriginalPosition position : all[i].answer) all[i].at(0, 0, position.value()) += 50;
  }
  EXPECT_EQ(calibrate(cases(all), kLayers, kHeads, 0.99, 0).best.profile.filter_layer(), LayerIndex(2));
}

// Head 0 of layer 0 finds equal words: every answer but those that are asked in other words, of which the heads that
// know find two in three.
TEST(Calibration, WhatFindsEqualWordsAloneIsPassedOver) {
  std::vector<CalibrationCase> all;
  for (unsigned seed = 0; seed < 12; ++seed) {
    Made made = prompt(seed);
    const bool paraphrased = seed % 4 >= 2;
    if (paraphrased && seed % 3 == 0) {  // nobody finds this one
      for (float& value : made.columns) value = value > 5 ? 0 : value;
    }
    if (!paraphrased) {
      for (const OriginalPosition position : made.answer) made.at(0, 0, position.value()) += 50;
    }
    all.push_back(made);
    all.back().paraphrased = paraphrased;
  }
  const Calibration found = calibrate(all, kLayers, kHeads, 0.99, 0);
  EXPECT_TRUE(found.reached);
  EXPECT_EQ(found.best.profile.filter_layer(), LayerIndex(2));
  EXPECT_NEAR(found.best.paraphrased, 2.0 / 3, 0.1);
  for (CalibrationCase& one : all) one.paraphrased = false;  // what nobody finds then keeps everybody from the target
  EXPECT_FALSE(calibrate(all, kLayers, kHeads, 0.99, 0).reached);
}

TEST(Calibration, ACaseHasSumsOfLayersAndTheBestOfQueries) {
  // One layer of two heads, two tokens: of 16 queries a prompt of two tokens has two.
  const std::vector<float> columns = {1, 3, 4, 2, 10, 20, 30, 40};
  const CalibrationCase made = case_of(columns, 2, 1, 2);
  EXPECT_EQ(made.layer_sums, (std::vector<float>{4 + 30, 2 + 40}));  // of the last query, raw
  EXPECT_EQ(made.head_scores[0], (std::vector<float>{1, -1, -1, 1}));
  EXPECT_EQ(made.head_scores[1], (std::vector<float>{1, -1, -1, 1}));  // every second of 16, the last one among them
  EXPECT_EQ(made.head_scores[2], (std::vector<float>{1, 1, -1, 1}));
}

}  // namespace
}  // namespace gemring
