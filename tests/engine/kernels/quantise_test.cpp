#include "engine/kernels/quantise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/base/check.h"
#include "tests/engine/kernels/plain_blocks.h"
#include "tests/support/numbers.h"

namespace gemring {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes quantised(const std::vector<float>& values, DataType type) {
  Bytes out(row_bytes(type, values.size()));
  quantise(values.data(), type, out.data(), values.size());
  return out;
}

/// quantize_row_q8_0_ref and quantize_row_q4_0_ref as they are described, one element at a time.
Bytes plain(const std::vector<float>& values, DataType type) {
  Bytes out;
  const auto put_half = [&](float d) {
    const std::uint16_t bits = to_float16(d).bits;
    out.push_back(static_cast<std::uint8_t>(bits & 255));
    out.push_back(static_cast<std::uint8_t>(bits >> 8));
  };
  for (std::size_t begin = 0; begin < values.size(); begin += 32) {
    const float* x = values.data() + begin;
    float most = 0, signed_most = 0;
    for (std::size_t j = 0; j < 32; ++j) {
      if (std::fabs(x[j]) > most) {
        most = std::fabs(x[j]);
        signed_most = x[j];
      }
    }
    const float d = type == DataType::q8_0 ? most / 127 : signed_most / -8;
    const float id = d != 0 ? 1 / d : 0;
    put_half(d);
    const auto nibble = [&](std::size_t j) {
      volatile float scaled = x[j] * id;  // rounded by itself, as without fused multiply-add
      return std::min(15, static_cast<int>(scaled + 8.5f));
    };
    for (std::size_t j = 0; j < (type == DataType::q8_0 ? 32u : 16u); ++j) {
      const int q = type == DataType::q8_0 ? static_cast<int>(std::round(x[j] * id)) : nibble(j) | nibble(j + 16) << 4;
      out.push_back(static_cast<std::uint8_t>(q));
    }
  }
  return out;
}

TEST(Quantise, AWorkedQ8_0Block) {
  // d = 127 / 127 = 1; halves go away from zero.
  std::vector<float> x(32, 0);
  x[0] = 127;
  x[1] = -3;
  x[2] = 2.5f;
  x[3] = -2.5f;
  x[4] = 0.49999997f;  // adding a half would round up to 1
  x[31] = -126.6f;
  Bytes expected(34, 0);
  expected[1] = 0x3c;  // 1.0
  expected[2] = 127;
  expected[3] = 0xfd;
  expected[4] = 3;
  expected[5] = 0xfd;
  expected[33] = 0x81;  // -127
  EXPECT_EQ(quantised(x, DataType::q8_0), expected);
}

TEST(Quantise, AWorkedQ4_0Block) {
  // The largest magnitude is -16: d = -16 / -8 = 2, x / 2 + 8.5 cut off.
  std::vector<float> x(32, 0);
  x[0] = -16;    // 0
  x[1] = 15.9f;  // 16, which is one too many: 15
  x[16] = 3;     // 10
  x[31] = -1;    // 8: the half goes up
  Bytes expected(18, 0x88);
  expected[0] = 0x00;
  expected[1] = 0x40;  // 2.0
  expected[2] = 0xa0;  // elements 0 and 16
  expected[3] = 0x8f;  // elements 1 and 17
  EXPECT_EQ(quantised(x, DataType::q4_0), expected);
}

TEST(Quantise, TheFirstOfTwoEqualMagnitudesGivesQ4_0ItsSign) {
  std::vector<float> x(32, 0);
  x[4] = 8;
  x[9] = -8;
  EXPECT_EQ(quantised(x, DataType::q4_0)[1], 0xbc);  // d = 8 / -8 = -1
  x[2] = -8;
  EXPECT_EQ(quantised(x, DataType::q4_0)[1], 0x3c);
}

TEST(Quantise, ZerosStayZeros) {
  const std::vector<float> zeros(64, 0);
  EXPECT_EQ(quantised(zeros, DataType::q8_0), Bytes(68, 0));
  const Bytes blocks = quantised(zeros, DataType::q4_0);
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(test::plain_value(DataType::q4_0, blocks.data() + i / 32 * 18, i % 32), 0);
  }
}

TEST(Quantise, RandomNumbersGiveTheBitsOfTheReference) {
  for (const DataType type : {DataType::q8_0, DataType::q4_0}) {
    for (const float scale : {1e-30f, 1e-6f, 0.02f, 3.0f, 1e4f}) {
      const auto x = test::numbers(32 * 4000, 5, scale);
      EXPECT_EQ(quantised(x, type), plain(x, type)) << name(type) << " " << scale;
    }
  }
}

TEST(Quantise, WhatComesBackIsWithinHalfAStep) {
  const auto x = test::numbers(32 * 100, 6);
  for (const DataType type : {DataType::q8_0, DataType::q4_0}) {
    const Bytes blocks = quantised(x, type);
    const double step = type == DataType::q8_0 ? 1.0 / 127 : 1.0 / 8;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double back = test::plain_value(type, blocks.data() + i / 32 * block_bytes(type), i % 32);
      // The scale is rounded to f16 (2^-12 of up to 127 steps). q4_0 has no +8: what is opposite to the largest number
      // may be a whole step off.
      EXPECT_NEAR(back, static_cast<double>(x[i]), type == DataType::q8_0 ? 0.54 * step : 1.01 * step) << i;
    }
  }
}

TEST(Quantise, NanAndWhatAScaleCannotHoldAreSeenInTheScale) {
  for (const DataType type : {DataType::q8_0, DataType::q4_0}) {
    for (const float bad : {std::nanf(""), INFINITY, -INFINITY, 1e9f}) {
      std::vector<float> x(64, 1);
      x[40] = bad;
      const Bytes blocks = quantised(x, type);
      EXPECT_TRUE(std::isfinite(test::half_of(blocks.data(), 0)));
      EXPECT_FALSE(std::isfinite(test::half_of(blocks.data() + block_bytes(type), 0))) << bad;
    }
  }
}

TEST(Quantise, OtherTypesAndPartsOfBlocksAreABug) {
  const std::vector<float> x(32, 1);
  Bytes out(256);
  EXPECT_THROW(quantise(x.data(), DataType::q4_k, out.data(), 32), InternalError);
  EXPECT_THROW(quantise(x.data(), DataType::q8_0, out.data(), 31), InternalError);
  EXPECT_FALSE(can_quantise_to(DataType::f16));
}

}  // namespace
}  // namespace gemring
