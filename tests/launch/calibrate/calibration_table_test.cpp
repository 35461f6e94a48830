#include "launch/calibrate/calibration_table.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

Calibration example() {
  Calibration found;
  found.layers = {{0.25, 0.5, 3}, {1, 0.75, 0}};
  found.best = {gemfilter_profile(LayerIndex(1)), 1, 0.995};
  found.runner_up = {gemfilter_profile(LayerIndex(0)), 0.5, 0.25};
  found.reached = true;
  return found;
}

ModelConfig model_of(std::size_t layers) {
  ModelConfig config;
  config.hidden = 64;
  config.ffn = 128;
  config.heads = config.kv_heads = 4;
  config.head_dim = 16;
  config.layers.resize(layers);
  return config;
}

TEST(CalibrationTable, HasALineForEachLayerAndMarksThoseThatReachTheTarget) {
  EXPECT_EQ(recall_table(example(), 0.99),
            "layer   all heads   best head\n"
            "    0       0.250       0.500 (0/3)\n"
            "    1       1.000 *     0.750 (1/0)\n");
}

TEST(CalibrationTable, TheVerdictSaysWhetherTheTargetWasReached) {
  const ModelConfig config = model_of(3);
  CalibrationOutcome outcome{.windows = {{512, example()}, {0, example()}}, .chosen = 1, .reached = true};
  EXPECT_TRUE(
      verdict(outcome, config, 0.99).starts_with("chosen     layer 1: 1 of 3 layers read the whole text, 0.50 of"));
  EXPECT_NE(verdict(outcome, config, 0.99).find("\notherwise  layer 1"), std::string::npos);
  EXPECT_EQ(verdict(outcome, config, 0.99).find("tokens; recall"), std::string::npos) << "nobody knows how fast it is";
  outcome.flop_per_second = filter_pass_flop(config, gemfilter_profile(LayerIndex(1)), kCostTokens) / 40;
  EXPECT_NE(verdict(outcome, config, 0.99).find(", here about 40 s for 16,384 tokens; recall 1.000"),
            std::string::npos);
  outcome.reached = false;
  EXPECT_NE(verdict(outcome, config, 0.99).find("nothing keeps 0.990"), std::string::npos);
}

// A window saves what attention to all keys costs, and a layer costs more than heads do.
TEST(CalibrationTable, WorkCountsLayersThenTheWindowThenHeads) {
  const ModelConfig config = model_of(8);
  const auto work = [&](std::int32_t layer, std::int32_t window) {
    FilterProfile profile = gemfilter_profile(LayerIndex(layer));
    profile.window = window;
    return filter_pass_flop(config, profile, kCostTokens);
  };
  EXPECT_LT(work(4, 512), work(4, 2048));
  EXPECT_LT(work(4, 2048), work(4, 0));
  EXPECT_LT(work(3, 0), work(4, 0));
  FilterProfile heads = gemfilter_profile(LayerIndex(4));
  heads.heads = {{LayerIndex(3), 0}, {LayerIndex(4), 0}, {LayerIndex(4), 1}};
  EXPECT_GT(filter_pass_flop(config, heads, kCostTokens), work(4, 0));
  EXPECT_LT(filter_pass_flop(config, heads, kCostTokens), work(5, 0));
}

TEST(QuickCalibration, AsksWithinTheModelsPositions) {
  ModelConfig config;
  config.max_positions = 32768;
  EXPECT_EQ(quick_calibration_tokens(config), 2048);
  config.max_positions = 2048;
  EXPECT_EQ(quick_calibration_tokens(config), 1792);
  config.max_positions = 512;
  EXPECT_EQ(quick_calibration_tokens(config), 0);
}

TEST(CalibrationTable, ThePictureIsAnSvgWithBothLines) {
  const std::string svg = recall_picture(example(), 0.99, "a <model> & more");
  EXPECT_TRUE(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
  EXPECT_NE(svg.find("a &lt;model&gt; &amp; more"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

}  // namespace
}  // namespace gemring
