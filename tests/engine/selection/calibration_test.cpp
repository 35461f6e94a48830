#include "engine/selection/calibration.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

constexpr std::int32_t kLayers = 4, kHeads = 3, kTokens = 64;

/// Noise in every head; the answer stands out in head 1 of layer 2, and in all heads of layer 3.
CalibrationCase prompt(unsigned seed) {
  CalibrationCase made;
  made.columns.resize(kLayers * kHeads * kTokens);
  unsigned state = seed * 2654435761u + 1;
  for (float& value : made.columns) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) / static_cast<float>(1u << 24);
  }
  const std::int32_t at = 10 + static_cast<std::int32_t>(seed * 7 % 40);
  made.answer = {OriginalPosition(at), OriginalPosition(at + 1)};
  const auto raise = [&](std::int32_t layer, std::int32_t head) {
    for (const OriginalPosition position : made.answer)
      made.columns[static_cast<std::size_t>((layer * kHeads + head) * kTokens) + position.index()] += 10;
  };
  raise(2, 1);
  for (std::int32_t head = 0; head < kHeads; ++head) raise(3, head);
  // Another head of layer 2 is loud and knows nothing: it drowns head 1 in the layer's sum.
  for (std::int32_t t = 0; t < 8; ++t) made.columns[static_cast<std::size_t>((2 * kHeads + 2) * kTokens + t)] += 1000;
  made.selections.resize(1);
  made.selections[0].keep = 6;
  return made;
}

std::vector<CalibrationCase> prompts() {
  std::vector<CalibrationCase> all;
  for (unsigned seed = 0; seed < 6; ++seed) all.push_back(prompt(seed));
  return all;
}

TEST(Calibration, ASingleHeadIsFoundALayerBeforeTheSumOfAll) {
  const Calibration found = calibrate(prompts(), kLayers, kHeads, 0.99, 0);
  EXPECT_TRUE(found.reached);
  EXPECT_EQ(found.best.profile.filter_layer(), LayerIndex(2));
  ASSERT_FALSE(found.best.profile.heads.empty());
  EXPECT_EQ(found.best.profile.heads.back(), (ScoringHead{LayerIndex(2), 1}));
  EXPECT_EQ(found.best.chosen_by, 1);
  EXPECT_EQ(found.best.confirmed_by, 1);
  EXPECT_EQ(found.runner_up.profile, gemfilter_profile(LayerIndex(3)));
  ASSERT_EQ(found.layers.size(), 4u);
  EXPECT_LT(found.layers[2].all_heads, 0.5);
  EXPECT_EQ(found.layers[2].best_head, 1);
  EXPECT_EQ(found.layers[2].head, 1);
  EXPECT_EQ(found.layers[3].all_heads, 1);
}

TEST(Calibration, AMarginOfALayerIsTakenWhereThereIsOne) {
  EXPECT_EQ(calibrate(prompts(), kLayers, kHeads, 0.99, 1).best.profile.filter_layer(), LayerIndex(3));
  EXPECT_EQ(calibrate(prompts(), kLayers, kHeads, 0.99, 9).best.profile.filter_layer(), LayerIndex(3));
}

TEST(Calibration, WhereNothingReachesTheTargetTheBestIsTold) {
  std::vector<CalibrationCase> all = prompts();
  for (CalibrationCase& each : all) {  // no head knows: what stood out is taken away
    for (float& value : each.columns) value = value > 5 ? 0 : value;
  }
  const Calibration found = calibrate(all, kLayers, kHeads, 0.99, 0);
  EXPECT_FALSE(found.reached);
  EXPECT_GE(found.best.least(), found.runner_up.least());
  EXPECT_LT(found.best.least(), 0.99);
}

// One token of the answer's sixteen stands out: whoever keeps its neighbours keeps the answer.
TEST(Calibration, AUnitIsKeptWholeWhereSingleTokensDoNotReachTheTarget) {
  ResolvedSelection tokens{.keep = kChunkTokens, .pool_width = 1};
  ResolvedSelection chunks = tokens;
  chunks.unit = KeepUnit::chunks;
  std::vector<CalibrationCase> all = prompts();
  for (CalibrationCase& each : all) each.selections = {tokens, chunks};
  EXPECT_EQ(calibrate(all, kLayers, kHeads, 0.99, 0).best.profile.unit, KeepUnit::tokens) << "the simpler one does it";
  for (CalibrationCase& each : all) {
    for (float& value : each.columns) value = value > 5 ? 0 : value;
    each.answer.clear();
    for (std::int32_t t = kChunkTokens; t < kChunkTokens + 16; ++t) each.answer.emplace_back(t);
    each.columns[static_cast<std::size_t>((2 * kHeads + 1) * kTokens + kChunkTokens + 8)] += 10;
  }
  const Calibration found = calibrate(all, kLayers, kHeads, 0.99, 0);
  EXPECT_TRUE(found.reached);
  EXPECT_EQ(found.best.profile.unit, KeepUnit::chunks);
  EXPECT_EQ(found.best.profile.filter_layer(), LayerIndex(2));
}

TEST(Calibration, AHeadThatIsGoodByChanceIsNotConfirmed) {
  std::vector<CalibrationCase> all = prompts();
  for (std::size_t i = 0; i < all.size(); i += 2) {  // head 0 of layer 0 knows the answers of the half that chooses
    for (const OriginalPosition position : all[i].answer) all[i].columns[position.index()] += 50;
  }
  EXPECT_EQ(calibrate(all, kLayers, kHeads, 0.99, 0).best.profile.filter_layer(), LayerIndex(2));
}

TEST(Calibration, ScoresOfAWholeLayerAreTheSumOfItsHeads) {
  CalibrationCase small{.columns = {1, 2, 10, 20, 3, 4, 30, 40}, .answer = {OriginalPosition(0)}, .selections = {}};
  EXPECT_EQ(head_scores(small, 2, 2, gemfilter_profile(LayerIndex(0))), (std::vector<float>{11, 22}));
  FilterProfile one;
  one.heads = {{LayerIndex(1), 1}};
  EXPECT_EQ(head_scores(small, 2, 2, one), (std::vector<float>{30, 40}));
}

}  // namespace
}  // namespace gemring
