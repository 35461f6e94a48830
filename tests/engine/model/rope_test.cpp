#include "engine/model/rope.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gemring {
namespace {

RopeConfig llama31() {
  RopeConfig rope;
  rope.kind = RopeConfig::Kind::llama3;
  rope.theta = 500000;
  rope.factor = 8;
  rope.low_frequency_factor = 1;
  rope.high_frequency_factor = 4;
  rope.original_max_positions = 8192;
  return rope;
}

TEST(InverseFrequencies, PlainOnesFallByPowersOfTheta) {
  RopeConfig rope;
  rope.theta = 10000;
  // head_dim 8: 10000^0, 10000^(-1/4), 10000^(-2/4), 10000^(-3/4)
  const std::vector<float> frequencies = inverse_frequencies(rope, 8, 1);
  ASSERT_EQ(frequencies.size(), 4u);
  EXPECT_FLOAT_EQ(frequencies[0], 1);
  EXPECT_FLOAT_EQ(frequencies[1], 0.1f);
  EXPECT_FLOAT_EQ(frequencies[2], 0.01f);
  EXPECT_FLOAT_EQ(frequencies[3], 0.001f);
}

TEST(InverseFrequencies, Llama3KeepsShortWavesAndStretchesLongOnes) {
  // Llama 3.1: theta 5e5, head_dim 128. Waves shorter than 8192 / 4 = 2048 positions stay, those longer than 8192 get
  // 1/8 of the frequency. Pair i has the wave 2 pi 5e5^(i/64): 2048 is passed between i = 28 (1956) and 29 (2402),
  // 8192 between i = 34 (6695) and 35 (8219).
  RopeConfig plain = llama31();
  plain.kind = RopeConfig::Kind::plain;
  const auto unscaled = inverse_frequencies(plain, 128, 1);
  const auto scaled = inverse_frequencies(llama31(), 128, 1);
  for (std::size_t i = 0; i <= 28; ++i) EXPECT_EQ(scaled[i], unscaled[i]) << i;
  for (std::size_t i = 35; i < 64; ++i) EXPECT_FLOAT_EQ(scaled[i], unscaled[i] / 8) << i;
}

TEST(InverseFrequencies, Llama3BlendsTheWavesBetween) {
  // Pair 32 of 64: 5e5^(-1/2) = 0.00141421356, a wave of 4442.883 positions. smooth = (8192 / 4442.883 - 1) / 3
  // = 0.2812826; the frequency becomes (1 - 0.2812826) * 0.00141421356 / 8 + 0.2812826 * 0.00141421356 = 0.000524846.
  const auto scaled = inverse_frequencies(llama31(), 128, 1);
  EXPECT_NEAR(scaled[32], 5.24846e-4f, 1e-9f);
  // The blend of any pair, written as one factor of the frequency: 1/8 + 7/8 smooth.
  for (std::size_t i = 29; i < 35; ++i) {
    const double plain = std::pow(5e5, -static_cast<double>(i) / 64);
    const double smooth = (8192 * plain / 6.283185307179586 - 1) / 3;
    EXPECT_NEAR(scaled[i] / plain, 0.125 + 0.875 * smooth, 1e-6) << i;
  }
}

TEST(InverseFrequencies, LinearScalingStretchesEveryWave) {
  RopeConfig rope;
  rope.kind = RopeConfig::Kind::linear;
  rope.factor = 4;
  EXPECT_FLOAT_EQ(inverse_frequencies(rope, 8, 1)[0], 0.25f);
  EXPECT_FLOAT_EQ(inverse_frequencies(rope, 8, 1)[2], 0.0025f);
}

TEST(InverseFrequencies, YarnRampsFromShortToLongWaves) {
  // head_dim 128, theta 1e6, 32,768 original positions, factor 4. Dimensions of 32 and 1 rotations:
  // 128 ln(32768 / (32 x 2 pi)) / (2 ln 1e6) = 23.596 -> 23, 128 ln(32768 / (2 pi)) / (2 ln 1e6) = 39.651 -> 40.
  RopeConfig plain;
  plain.theta = 1e6;
  RopeConfig yarn = plain;
  yarn.kind = RopeConfig::Kind::yarn;
  yarn.factor = 4;
  yarn.original_max_positions = 32768;
  const auto unscaled = inverse_frequencies(plain, 128, 1);
  const auto scaled = inverse_frequencies(yarn, 128, 1);
  for (std::size_t i = 0; i <= 23; ++i) EXPECT_FLOAT_EQ(scaled[i], unscaled[i]) << i;
  for (std::size_t i = 40; i < 64; ++i) EXPECT_FLOAT_EQ(scaled[i], unscaled[i] / 4) << i;
  // Half-way, i = 31: share (31 - 23) / 17 of the stretched one.
  EXPECT_NEAR(scaled[31] / unscaled[31], 1 - 0.75 * 8 / 17, 1e-6);
}

TEST(InverseFrequencies, LongropeTakesItsListByTheLengthOfThePass) {
  RopeConfig rope;
  rope.kind = RopeConfig::Kind::divisors;
  rope.original_max_positions = 64;
  rope.divisors = {1, 2, 3, 4};
  rope.long_divisors = {10, 20, 30, 40};
  EXPECT_FLOAT_EQ(inverse_frequencies(rope, 8, 64)[1], 0.1f / 2);
  EXPECT_FLOAT_EQ(inverse_frequencies(rope, 8, 65)[1], 0.1f / 20);
  rope.long_divisors.clear();  // GGUF's rope_freqs
  EXPECT_FLOAT_EQ(inverse_frequencies(rope, 8, 1000)[3], 0.001f / 4);
}

TEST(RopeTable, AnAttentionFactorScalesBoth) {
  const std::vector<float> frequencies = {1};
  const std::vector<GlobalPosition> positions = {GlobalPosition(3)};
  const RopeTable table(frequencies, positions, 1.5f);
  EXPECT_FLOAT_EQ(table.rows(0, 1).cos.row(0)[0], 1.5f * std::cos(3.0f));
  EXPECT_FLOAT_EQ(table.rows(0, 1).sin.row(0)[0], 1.5f * std::sin(3.0f));
}

// What stands at 5 and is turned by 1,000,000 stands at 1,000,005, whatever the scale of cosines is.
TEST(RopeTables, TurnsMoveWhatIsRotatedAlready) {
  ModelConfig config;
  config.head_dim = 8;
  config.ropes.resize(1);
  for (const RopeConfig::Pairs pairs : {RopeConfig::Pairs::half_split, RopeConfig::Pairs::interleaved}) {
    config.ropes[0].pairs = pairs;
    config.ropes[0].attention_factor = 1.25;
    const auto at = [&](std::int32_t position) {
      std::vector<float> head = {1, 2, -3, 4, 0.5f, -6, 7, 8};
      const std::vector<GlobalPosition> there = {GlobalPosition(position)};
      rotate({head.data(), 1, 1, 8}, RopeTables(config, 100, there, RopeAngles::exact).rows(0, 0, 1));
      return head;
    };
    std::vector<float> turned = at(5);
    const std::vector<GlobalPosition> by = {GlobalPosition(1'000'000)};
    rotate({turned.data(), 1, 1, 8}, RopeTables::turns(config, 100, by).rows(0, 0, 1));
    const std::vector<float> expected = at(1'000'005);
    for (std::size_t i = 0; i < turned.size(); ++i) EXPECT_NEAR(turned[i], expected[i], 2e-5) << i;
  }
}

TEST(RopeTable, AnglesArePositionTimesFrequency) {
  const std::vector<float> frequencies = {1, 0.5f};
  const std::vector<GlobalPosition> positions = {GlobalPosition(0), GlobalPosition(3), GlobalPosition(100)};
  const RopeTable table(frequencies, positions);
  const RopeRows rows = table.rows(0, 3);
  EXPECT_EQ(rows.cos.row(0)[0], 1);
  EXPECT_EQ(rows.sin.row(0)[1], 0);
  EXPECT_FLOAT_EQ(rows.cos.row(1)[0], -0.98999250f);  // cos 3
  EXPECT_FLOAT_EQ(rows.sin.row(1)[1], 0.99749499f);   // sin 1.5
  EXPECT_FLOAT_EQ(rows.sin.row(2)[0], -0.50636564f);  // sin 100
  EXPECT_FLOAT_EQ(rows.cos.row(2)[1], 0.96496603f);   // cos 50
}

TEST(RopeTable, ARangeOfRowsIsThatOfTheWhole) {
  const std::vector<float> frequencies = {0.3f};
  const std::vector<GlobalPosition> positions = {GlobalPosition(5), GlobalPosition(9), GlobalPosition(20)};
  const RopeTable table(frequencies, positions);
  EXPECT_EQ(table.rows(1, 3).cos.rows(), 2u);
  EXPECT_EQ(table.rows(1, 3).cos.row(1)[0], table.rows(0, 3).cos.row(2)[0]);
  EXPECT_EQ(table.rows(2, 2).sin.rows(), 0u);
}

TEST(RopeTable, AnglesAreRoundedToF32LikeTheReferenceCode) {
  // 100,001 * 0.1f is 10000.100149; the nearest f32 is 10000.1005859375. The cosines: -0.91682854 and -0.91665400.
  const std::vector<float> frequencies = {0.1f};
  const std::vector<GlobalPosition> positions = {GlobalPosition(100001)};
  const RopeTable table(frequencies, positions);
  EXPECT_FLOAT_EQ(table.rows(0, 1).cos.row(0)[0], -0.91665400f);
}

}  // namespace
}  // namespace gemring
