// Conversions between stored types: bit for bit those of engine/tensor/data_type.h, which has tests of its own.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/base/check.h"
#include "engine/kernels/elementwise.h"
#include "tests/engine/kernels/every_isa.h"
#include "tests/support/numbers.h"

namespace gemring {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<std::uint16_t> every_pattern() {
  std::vector<std::uint16_t> patterns(65536);
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<std::uint16_t>(i);
  return patterns;
}

/// Bits, because a NaN equals nothing and -0 equals 0.
std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

/// The processor's own conversion makes signalling NaNs quiet ones.
std::vector<std::uint32_t> quiet(std::vector<std::uint32_t> bits) {
  for (std::uint32_t& each : bits) {
    if ((each & 0x7fffffffu) > 0x7f800000u) each |= 0x400000u;
  }
  return bits;
}

TEST(Widen, EveryFloat16Pattern) {
  const auto patterns = every_pattern();
  std::vector<float> expected;
  for (const std::uint16_t bits : patterns) expected.push_back(to_float(Float16{bits}));
  test::with_every_isa([&] {
    std::vector<float> out(patterns.size());
    widen(DataType::f16, patterns.data(), out.data(), out.size());
    EXPECT_EQ(quiet(bits_of(out)), quiet(bits_of(expected)));
  });
}

TEST(Widen, EveryBFloat16Pattern) {
  const auto patterns = every_pattern();
  std::vector<float> expected;
  for (const std::uint16_t bits : patterns) expected.push_back(to_float(BFloat16{bits}));
  test::with_every_isa([&] {
    std::vector<float> out(patterns.size());
    widen(DataType::bf16, patterns.data(), out.data(), out.size());
    EXPECT_EQ(bits_of(out), bits_of(expected));
  });
}

TEST(Widen, WorkedFloat16Values) {
  const std::array<std::uint16_t, 9> stored = {0x3c00, 0xc000, 0x0001, 0x8001, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00};
  const std::vector<float> expected = {1,        -2,    0x1p-24f,  -0x1p-24f, 1023 * 0x1p-24f,
                                       0x1p-14f, 65504, kInfinity, -kInfinity};
  test::with_every_isa([&] {
    std::vector<float> out(stored.size());
    widen(DataType::f16, stored.data(), out.data(), out.size());
    EXPECT_EQ(out, expected);
  });
}

TEST(Widen, AnyLengthAndNoElementMore) {
  const auto patterns = every_pattern();
  test::with_every_isa([&] {
    for (std::size_t count = 0; count < 70; ++count) {
      for (const DataType type : {DataType::f16, DataType::bf16}) {
        std::vector<float> out(count + 1, 77.0f);
        widen(type, patterns.data() + 0x3c00, out.data(), count);  // numbers from 1.0 (f16) or 0.0078125 (bf16) on
        EXPECT_EQ(out[count], 77.0f) << count;
        for (std::size_t i = 0; i < count; ++i) {
          const auto bits = static_cast<std::uint16_t>(0x3c00 + i);
          EXPECT_EQ(out[i], type == DataType::f16 ? to_float(Float16{bits}) : to_float(BFloat16{bits}));
        }
      }
    }
  });
}

TEST(Narrow, WorkedBFloat16Roundings) {
  // 1 + 2^-8 lies between 0x3f80 and 0x3f81: even wins; 1 + 3 * 2^-8 goes up to 0x3f82; the largest float to infinity.
  const std::vector<float> in = {1,          -0.0f,      1 + 0x1p-8f,      1 + 3 * 0x1p-8f, 1 + 0x1.02p-8f,
                                 kInfinity,  -kInfinity, 0x1.fffffep+127f, 0x1p-133f,       0x1p-134f,
                                 0x1.8p-133f};
  const std::vector<std::uint16_t> expected = {0x3f80, 0x8000, 0x3f80, 0x3f82, 0x3f81, 0x7f80,
                                               0xff80, 0x7f80, 0x0001, 0x0000, 0x0002};
  test::with_every_isa([&] {
    for (std::size_t i = 0; i < in.size(); ++i) {  // in a vector of the instruction set, and alone behind the vectors
      const std::vector<float> many(37, in[i]);
      std::vector<std::uint16_t> out(many.size());
      narrow(many.data(), DataType::bf16, out.data(), many.size());
      EXPECT_EQ(out, std::vector<std::uint16_t>(37, expected[i])) << in[i];
    }
  });
}

TEST(Narrow, NanStaysNan) {
  for (const std::uint32_t bits : {0x7f800001u, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xffffffffu}) {
    test::with_every_isa([&] {
      const std::vector<float> in(19, std::bit_cast<float>(bits));
      std::vector<std::uint16_t> out(in.size());
      narrow(in.data(), DataType::bf16, out.data(), in.size());
      for (const std::uint16_t value : out) {
        EXPECT_TRUE(std::isnan(to_float(BFloat16{value}))) << bits;
        EXPECT_EQ(value >> 15, bits >> 31) << bits;
      }
    });
  }
}

TEST(Narrow, EveryBFloat16ComesBack) {
  const auto patterns = every_pattern();
  std::vector<float> in;
  for (const std::uint16_t bits : patterns) in.push_back(to_float(BFloat16{bits}));
  test::with_every_isa([&] {
    std::vector<std::uint16_t> out(in.size());
    narrow(in.data(), DataType::bf16, out.data(), in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
      const std::uint16_t expected = std::isnan(in[i]) ? patterns[i] | 0x40 : patterns[i];  // a NaN becomes quiet
      EXPECT_EQ(out[i], expected) << in[i];
    }
  });
}

TEST(Narrow, RoundsLikeTheScalarConversion) {
  std::mt19937 engine(3);
  std::vector<float> in(200'000);  // several tasks of the threads
  for (float& value : in) value = std::bit_cast<float>(static_cast<std::uint32_t>(engine()));
  test::with_every_isa([&] {
    std::vector<std::uint16_t> out(in.size());
    narrow(in.data(), DataType::bf16, out.data(), in.size());
    std::size_t different = 0;
    for (std::size_t i = 0; i < in.size(); ++i) different += out[i] != to_bfloat16(in[i]).bits;
    EXPECT_EQ(different, 0u);
  });
}

TEST(Narrow, ToF32IsACopyAndToF16IsRefused) {
  const std::vector<float> in = test::numbers(100'001, 1);
  std::vector<float> out(in.size());
  narrow(in.data(), DataType::f32, out.data(), in.size());
  EXPECT_EQ(out, in);
  EXPECT_THROW(narrow(in.data(), DataType::f16, out.data(), in.size()), InternalError);
}

TEST(Convert, BothWaysAndBetweenEqualTypes) {
  const std::vector<float> in = {1, -2.5f, 1 + 0x1p-8f};
  std::vector<std::uint16_t> narrowed(3);
  convert(DataType::f32, in.data(), DataType::bf16, narrowed.data(), 3);
  EXPECT_EQ(narrowed, (std::vector<std::uint16_t>{0x3f80, 0xc020, 0x3f80}));
  std::vector<float> widened(3);
  convert(DataType::bf16, narrowed.data(), DataType::f32, widened.data(), 3);
  EXPECT_EQ(widened, (std::vector<float>{1, -2.5f, 1}));
  std::vector<std::uint16_t> copied(3);
  convert(DataType::bf16, narrowed.data(), DataType::bf16, copied.data(), 3);
  EXPECT_EQ(copied, narrowed);
  convert(DataType::f32, in.data(), DataType::f32, widened.data(), 3);
  EXPECT_EQ(widened, in);
}

}  // namespace
}  // namespace gemring
