// Block types: worked examples, and random blocks against one-element-at-a-time arithmetic in double.
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "engine/base/check.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/linear/linear.h"
#include "tests/engine/kernels/every_isa.h"
#include "tests/engine/kernels/plain_blocks.h"
#include "tests/support/numbers.h"

namespace gemring {
namespace {

using test::kBlockTypes;
using test::RandomBlocks;

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t kHalfOne[] = {0x00, 0x3c};   // 1.0 as f16, lowest byte first
constexpr std::uint8_t kHalfHalf[] = {0x00, 0x38};  // 0.5
constexpr std::uint8_t kHalfTwo[] = {0x00, 0x40};   // 2.0

template <class... Parts>
Bytes joined(const Parts&... parts) {
  Bytes out;
  const auto append = [&out](const auto& part) {
    for (const std::uint8_t byte : part) out.push_back(byte);
  };
  (append(parts), ...);
  return out;
}

void expect_values(DataType type, const Bytes& block, const std::vector<float>& expected) {
  ASSERT_EQ(block.size(), block_bytes(type)) << name(type);
  ASSERT_EQ(expected.size(), block_elements(type)) << name(type);
  test::with_every_isa([&] {
    std::vector<float> out(expected.size());
    widen(type, block.data(), out.data(), out.size());
    EXPECT_EQ(out, expected) << name(type);
  });
}

TEST(Blocks, AWorkedQ8_0Block) {
  Bytes q(32, 0);
  q[0] = 1;
  q[1] = 0xff;   // -1
  q[30] = 0x7f;  // 127
  q[31] = 0x80;  // -128
  std::vector<float> expected(32, 0);
  expected[0] = 0.5f;
  expected[1] = -0.5f;
  expected[30] = 63.5f;
  expected[31] = -64;
  expect_values(DataType::q8_0, joined(kHalfHalf, q), expected);
}

TEST(Blocks, AWorkedQ4_0Block) {
  Bytes q(16, 0x88);  // all zero
  q[0] = 0xf1;        // element 0: 1 - 8, element 16: 15 - 8
  q[15] = 0x0a;       // element 15: 10 - 8, element 31: 0 - 8
  std::vector<float> expected(32, 0);
  expected[0] = -14;
  expected[16] = 14;
  expected[15] = 4;
  expected[31] = -16;
  expect_values(DataType::q4_0, joined(kHalfTwo, q), expected);
}

TEST(Blocks, AWorkedQ4_1Block) {
  Bytes q(16, 0);
  q[3] = 0x5c;  // element 3: 12, element 19: 5
  std::vector<float> expected(32, 1);
  expected[3] = 7;
  expected[19] = 3.5f;
  expect_values(DataType::q4_1, joined(kHalfHalf, kHalfOne, q), expected);
}

TEST(Blocks, AWorkedQ5_0Block) {
  const std::uint8_t h[] = {0x01, 0x00, 0x01, 0x80};  // fifth bits of elements 0, 16 and 31
  Bytes q(16, 0);
  q[0] = 0xf3;   // element 0: 3 + 16 - 16, element 16: 15 + 16 - 16
  q[15] = 0x21;  // element 15: 1 - 16, element 31: 2 + 16 - 16
  std::vector<float> expected(32, -32);
  expected[0] = 6;
  expected[16] = 30;
  expected[15] = -30;
  expected[31] = 4;
  expect_values(DataType::q5_0, joined(kHalfTwo, h, q), expected);
}

TEST(Blocks, AWorkedQ5_1Block) {
  const std::uint8_t h[] = {0x02, 0x00, 0x00, 0x40};  // fifth bits of elements 1 and 30
  Bytes q(16, 0);
  q[1] = 0x73;   // element 1: 3 + 16, element 17: 7
  q[14] = 0x40;  // element 14: 0, element 30: 4 + 16
  std::vector<float> expected(32, 0.5f);
  expected[1] = 38.5f;
  expected[17] = 14.5f;
  expected[30] = 40.5f;
  expect_values(DataType::q5_1, joined(kHalfTwo, kHalfHalf, h, q), expected);
}

// Scales of parts 0-3: 1, 2, 3, 4; minima 5, 6, 7, 8. Parts 4-7: scales 17, 34, 51, 63 (low halves 1, 2, 3, 15; upper
// bits 1, 2, 3, 3), minima 16, 33, 18, 3 (low halves 0, 1, 2, 3; upper bits 1, 2, 1, 0).
const Bytes kScales = {0x41, 0x82, 0xc3, 0xc4, 0x45, 0x86, 0x47, 0x08, 0x01, 0x12, 0x23, 0x3f};

TEST(Blocks, AWorkedQ4KBlock) {
  Bytes q(128, 0);
  q[0] = 0x21;    // element 0 of part 0: 1, element 0 of part 1: 2
  q[127] = 0xf3;  // the last elements of parts 6 and 7: 3 and 15
  std::vector<float> expected;
  for (const float minimum : {5.0f, 6.0f, 7.0f, 8.0f, 16.0f, 33.0f, 18.0f, 3.0f}) {
    expected.insert(expected.end(), 32, -0.5f * minimum);
  }
  expected[0] += 2.0f * 1 * 1;
  expected[32] += 2.0f * 2 * 2;
  expected[223] += 2.0f * 51 * 3;
  expected[255] += 2.0f * 63 * 15;
  expect_values(DataType::q4_k, joined(kHalfTwo, kHalfHalf, kScales, q), expected);
}

TEST(Blocks, AWorkedQ5KBlock) {
  Bytes h(32, 0), q(128, 0);
  q[0] = 0x21;
  q[127] = 0xf3;
  h[0] = 0x02;   // part 1 of element 0 in its part: 2 + 16
  h[31] = 0xc0;  // the last elements of parts 6 and 7: 3 + 16, 15 + 16
  h[5] = 0x10;   // element 5 of part 4: 0 + 16
  std::vector<float> expected;
  for (const float minimum : {5.0f, 6.0f, 7.0f, 8.0f, 16.0f, 33.0f, 18.0f, 3.0f}) {
    expected.insert(expected.end(), 32, -0.5f * minimum);
  }
  expected[0] += 2.0f * 1 * 1;
  expected[32] += 2.0f * 2 * 18;
  expected[4 * 32 + 5] += 2.0f * 17 * 16;
  expected[223] += 2.0f * 51 * 19;
  expected[255] += 2.0f * 63 * 31;
  expect_values(DataType::q5_k, joined(kHalfTwo, kHalfHalf, kScales, h, q), expected);
}

TEST(Blocks, AWorkedQ6KBlock) {
  Bytes q(128, 0), h(64, 0), scales(16, 1);
  q[0] = 0x21;           // element 0: 1, element 64: 2
  q[32] = 0x43;          // element 32: 3, element 96: 4
  h[0] = 0b11'10'01'00;  // upper bits of elements 0, 32, 64, 96: 0, 1, 2, 3
  q[64 + 63] = 0xf0;     // element 128 + 63: 0, element 128 + 127: 15
  h[32 + 31] = 0xc0;     // of the last element: 3
  scales[0] = 2;
  scales[2] = 0xfd;                       // elements 32-47: -3
  scales[15] = 0x80;                      // elements 240-255: -128
  std::vector<float> expected(256, -16);  // 0.5 (0 - 32)
  for (int i = 0; i < 16; ++i) {
    expected[i] = -32;
    expected[32 + i] = 48;
    expected[240 + i] = 2048;
  }
  expected[0] = 0.5f * 2 * (1 - 32);
  expected[32] = 0.5f * -3 * (3 + 16 - 32);
  expected[64] = 0.5f * (2 + 32 - 32);
  expected[96] = 0.5f * (4 + 48 - 32);
  expected[255] = 0.5f * -128 * (15 + 48 - 32);
  expect_values(DataType::q6_k, joined(q, h, scales, kHalfHalf), expected);
}

TEST(Blocks, RandomBlocksWidenLikeTheReference) {
  for (const DataType type : kBlockTypes) {
    const RandomBlocks blocks(type, 256 * 300, 1);  // more than one task of the threads
    Bytes shifted(blocks.bytes() + 1);
    std::memcpy(shifted.data() + 1, blocks.data(), blocks.bytes());
    test::with_every_isa([&] {
      std::vector<float> out(blocks.values().size() + 1, 77);
      widen(type, blocks.data(), out.data(), out.size() - 1);
      EXPECT_EQ(out.back(), 77) << name(type);
      out.pop_back();
      EXPECT_LT(test::largest_difference(out, blocks.values()), 1e-5) << name(type);  // values up to 41
      std::vector<float> same(out.size());
      widen(type, shifted.data() + 1, same.data(), same.size());  // any address
      EXPECT_EQ(same, out) << name(type);
    });
  }
}

TEST(Blocks, EveryScaleIsReadExactly) {
  // A q8_0 block of ones has its scale as value: all finite f16 numbers, subnormals too.
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Float16 scale{static_cast<std::uint16_t>(bits)};
    if ((bits & 0x7c00) == 0x7c00) continue;
    Bytes block(34, 1);
    std::memcpy(block.data(), &scale, 2);
    float out[32];
    for (const Isa isa : {Isa::portable, detected_isa()}) {
      kernels_of(isa).widen(DataType::q8_0, block.data(), out, 32);
      ASSERT_EQ(out[31], to_float(scale)) << bits;
    }
  }
}

TEST(Blocks, PartOfABlockIsABug) {
  const Bytes block(34);
  std::vector<float> out(32);
  EXPECT_THROW(widen(DataType::q8_0, block.data(), out.data(), 31), InternalError);
  LinearScratch scratch({1, 31});
  EXPECT_THROW(linear({out.data(), 1, 31}, {DataType::q8_0, block.data(), 1, 31}, {out.data(), 1, 1}, Output::overwrite,
                      scratch),
               InternalError);
}

/// linear() on random blocks against the product in double, both ways of output.
void expect_block_product(DataType type, std::size_t tokens, std::size_t rows, std::size_t cols) {
  const RandomBlocks w(type, rows * cols, static_cast<std::uint32_t>(cols), 0.002f);
  const std::vector<float> x = test::numbers(tokens * cols, 1);
  const std::vector<float> before = test::numbers(tokens * rows, 3);
  std::vector<double> expected(tokens * rows), added(tokens * rows);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t r = 0; r < rows; ++r) {
      double sum = 0;
      for (std::size_t c = 0; c < cols; ++c) sum += static_cast<double>(x[t * cols + c]) * w.values()[r * cols + c];
      expected[t * rows + r] = sum;
      added[t * rows + r] = sum + static_cast<double>(before[t * rows + r]);
    }
  }
  test::with_every_isa([&] {
    LinearScratch scratch({tokens, cols});
    std::vector<float> out(tokens * rows, 55);
    linear({x.data(), tokens, cols}, {type, w.data(), rows, cols}, {out.data(), tokens, rows}, Output::overwrite,
           scratch);
    EXPECT_LT(test::largest_difference(out, expected), 2e-4) << name(type) << " " << tokens << " tokens";
    out = before;
    linear({x.data(), tokens, cols}, {type, w.data(), rows, cols}, {out.data(), tokens, rows}, Output::add, scratch);
    EXPECT_LT(test::largest_difference(out, added), 2e-4) << name(type) << " " << tokens << " tokens, added";
  });
}

TEST(Blocks, LinearLayersOfAnyNumberOfTokens) {
  for (const DataType type : kBlockTypes) {
    for (const std::size_t tokens : {1u, 2u, 5u, 11u, 12u, 40u}) expect_block_product(type, tokens, 70, 512);
  }
}

TEST(Blocks, RowsOfBlocksOf32NeedNotBeMultiplesOf256) {
  for (const DataType type : kBlockTypes) {
    if (block_elements(type) != 32) continue;
    for (const std::size_t cols : {32u, 96u, 288u, 576u}) {
      expect_block_product(type, 3, 33, cols);
      expect_block_product(type, 17, 33, cols);
    }
  }
}

TEST(Blocks, DotProductsOfManyTokensComeInGroups) {
  // The kernel itself takes any number of tokens, also more than linear() gives it.
  const RandomBlocks w(DataType::q5_k, 3 * 256, 9);
  const std::vector<float> x = test::numbers(37 * 256, 1);
  test::with_every_isa([&] {
    std::vector<float> out(37 * 3);
    kernels().dot_rows({DataType::q5_k, w.data(), 3, 256}, {1, 3}, x.data(), 256, 37, out.data(), 3, false);
    for (std::size_t t = 0; t < 37; ++t) {
      EXPECT_EQ(out[t * 3], 0) << t;  // row 0 was not asked for
      for (std::size_t r = 1; r < 3; ++r) {
        double sum = 0;
        for (std::size_t c = 0; c < 256; ++c) sum += static_cast<double>(x[t * 256 + c]) * w.values()[r * 256 + c];
        EXPECT_NEAR(static_cast<double>(out[t * 3 + r]), sum, 1e-3) << t;
      }
    }
  });
}

}  // namespace
}  // namespace gemring
