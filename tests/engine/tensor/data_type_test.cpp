#include "engine/tensor/data_type.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/base/check.h"

namespace gemring {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(BFloat16, KnownPatternsHaveTheirValues) {
  EXPECT_EQ(to_float(BFloat16{0x3f80}), 1.0f);
  EXPECT_EQ(to_float(BFloat16{0xc000}), -2.0f);
  EXPECT_EQ(to_float(BFloat16{0x7f80}), kInfinity);
  EXPECT_EQ(to_bfloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(to_bfloat16(-0.0f).bits, 0x8000);
}

TEST(BFloat16, TiesRoundToEven) {
  EXPECT_EQ(to_bfloat16(1.0f + 0x1p-8f).bits, 0x3f80);            // half way between 1 and 1 + 2^-7
  EXPECT_EQ(to_bfloat16(1.0f + 0x1p-7f + 0x1p-8f).bits, 0x3f82);  // half way, the lower is odd
  EXPECT_EQ(to_bfloat16(1.0f + 0x1p-8f + 0x1p-20f).bits, 0x3f81);
}

TEST(BFloat16, NanStaysNanAndOverflowIsInfinity) {
  EXPECT_TRUE(std::isnan(to_float(to_bfloat16(kNan))));
  EXPECT_TRUE(
      std::isnan(to_float(to_bfloat16(std::bit_cast<float>(0x7f800001u)))));  // its upper half alone is infinity
  EXPECT_EQ(to_float(to_bfloat16(std::numeric_limits<float>::max())), kInfinity);
}

TEST(BFloat16, EveryValueSurvivesTheWayThere) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const BFloat16 value{static_cast<std::uint16_t>(bits)};
    if (std::isnan(to_float(value))) continue;
    ASSERT_EQ(to_bfloat16(to_float(value)).bits, bits);
  }
}

TEST(Float16, KnownPatternsHaveTheirValues) {
  EXPECT_EQ(to_float(Float16{0x3c00}), 1.0f);
  EXPECT_EQ(to_float(Float16{0xc000}), -2.0f);
  EXPECT_EQ(to_float(Float16{0x7bff}), 65504.0f);
  EXPECT_EQ(to_float(Float16{0x0400}), 0x1p-14f);
  EXPECT_EQ(to_float(Float16{0x0001}), 0x1p-24f);
  EXPECT_EQ(to_float(Float16{0x8001}), -0x1p-24f);
  EXPECT_EQ(to_float(Float16{0xfc00}), -kInfinity);
  EXPECT_TRUE(std::isnan(to_float(Float16{0x7c01})));
}

TEST(Float16, TiesRoundToEven) {
  EXPECT_EQ(to_float16(1.0f + 0x1p-11f).bits, 0x3c00);
  EXPECT_EQ(to_float16(1.0f + 0x1p-10f + 0x1p-11f).bits, 0x3c02);
  EXPECT_EQ(to_float16(1.0f + 0x1p-11f + 0x1p-20f).bits, 0x3c01);
  EXPECT_EQ(to_float16(0x1p-25f).bits, 0x0000);  // half of the smallest subnormal
  EXPECT_EQ(to_float16(0x1.8p-24f).bits, 0x0002);
  EXPECT_EQ(to_float16(0x1p-25f + 0x1p-40f).bits, 0x0001);
}

TEST(Float16, WhatIsTooLargeBecomesInfinity) {
  EXPECT_EQ(to_float16(65519.0f).bits, 0x7bff);
  EXPECT_EQ(to_float16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(to_float16(-1e30f).bits, 0xfc00);
  EXPECT_EQ(to_float16(kInfinity).bits, 0x7c00);
  EXPECT_TRUE(std::isnan(to_float(to_float16(kNan))));
}

TEST(Float16, EveryValueSurvivesTheWayThere) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Float16 value{static_cast<std::uint16_t>(bits)};
    if (std::isnan(to_float(value))) continue;
    ASSERT_EQ(to_float16(to_float(value)).bits, bits);
  }
}

TEST(DataType, SizesAndNames) {
  EXPECT_EQ(bytes_per_element(DataType::f32), 4u);
  EXPECT_EQ(bytes_per_element(DataType::f16), 2u);
  EXPECT_EQ(bytes_per_element(DataType::bf16), 2u);
  EXPECT_EQ(name(DataType::bf16), "bf16");
}

TEST(DataType, RowsOfBlockTypesAreWholeBlocks) {
  EXPECT_FALSE(is_block_type(DataType::f16));
  EXPECT_EQ(row_bytes(DataType::f16, 7), 14u);
  EXPECT_TRUE(is_block_type(DataType::q8_0));
  EXPECT_EQ(row_bytes(DataType::q8_0, 96), 3 * 34u);    // f16 scale, 32 bytes
  EXPECT_EQ(row_bytes(DataType::q4_0, 64), 2 * 18u);    // f16 scale, 16 bytes
  EXPECT_EQ(row_bytes(DataType::q5_1, 32), 24u);        // two f16, 4 and 16 bytes
  EXPECT_EQ(row_bytes(DataType::q4_k, 512), 2 * 144u);  // two f16, 12 and 128 bytes
  EXPECT_EQ(row_bytes(DataType::q6_k, 256), 210u);      // 128, 64 and 16 bytes, one f16
  EXPECT_EQ(name(DataType::q4_k), "q4_k");
}

TEST(DataType, AnElementOfABlockTypeHasNoSizeOfItsOwn) {
  EXPECT_THROW(bytes_per_element(DataType::q8_0), InternalError);
}

}  // namespace
}  // namespace gemring
