// Activations of 8 bits: their rounding, and products of weights in blocks with them against double arithmetic on the
// very numbers that the blocks and the rounded activations stand for.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "engine/kernels/compute.h"
#include "engine/kernels/linear/linear.h"
#include "tests/engine/kernels/before_a_wall.h"
#include "tests/engine/kernels/every_isa.h"
#include "tests/engine/kernels/plain_blocks.h"
#include "tests/engine/kernels/use_compute.h"
#include "tests/engine/kernels/use_threads.h"
#include "tests/support/numbers.h"

namespace gemring {
namespace {

using test::BlockProducts;
using test::kBlockTypes;
using test::RandomBlocks;

/// Where activation `i` of a chunk lies, from the three pictures in activation_order.inl.
std::size_t place(DataType weights, std::size_t i) {
  const std::size_t four = i / 128 * 128, part = i % 128 / 32, half = i % 32 / 16, j = i % 16;
  switch (weights) {
    case DataType::q8_0:
    case DataType::q6_k:
      return i;
    case DataType::q4_k:
    case DataType::q5_k: {
      constexpr std::size_t kPlaces[] = {0, 64, 32, 96};
      return four + kPlaces[part] + 16 * half + j;
    }
    default:
      return four + 64 * half + 16 * part + j;
  }
}

std::vector<ActivationChunk> quantised(DataType weights, const std::vector<float>& x) {
  std::vector<ActivationChunk> chunks(activation_chunks(x.size()));
  std::memset(static_cast<void*>(chunks.data()), 0x55, chunks.size() * sizeof(ActivationChunk));  // all is written
  kernels().quantise_activations(weights, x.data(), x.size(), chunks.data());
  return chunks;
}

/// What the chunks stand for.
std::vector<double> values_of(DataType weights, const std::vector<ActivationChunk>& chunks, std::size_t count) {
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) {
    const ActivationChunk& chunk = chunks[i / 512];
    values.push_back(static_cast<double>(chunk.scales[i % 512 / 32]) * chunk.values[place(weights, i % 512)]);
  }
  return values;
}

TEST(Int8Activations, AWorkedPart) {
  std::vector<float> x(32, 0);
  x[0] = 127;
  x[1] = -127;
  x[2] = 1.4f;
  x[3] = -1.6f;
  x[16] = 2.5f;  // halves go to the even neighbour
  x[17] = 3.5f;
  for (const DataType type : kBlockTypes) {
    test::with_every_isa([&] {
      const ActivationChunk chunk = quantised(type, x)[0];
      EXPECT_EQ(chunk.scales[0], 1.0f) << name(type);
      const int expected[][2] = {{0, 127}, {1, -127}, {2, 1}, {3, -2}, {4, 0}, {16, 2}, {17, 4}, {31, 0}};
      for (const auto& [i, value] : expected) {
        EXPECT_EQ(chunk.values[place(type, static_cast<std::size_t>(i))], value) << name(type) << " " << i;
      }
      for (std::size_t part = 1; part < 16; ++part) EXPECT_EQ(chunk.scales[part], 0.0f) << name(type);
    });
  }
}

TEST(Int8Activations, OffsetsTakeTheZeroPointOut) {
  const std::vector<float> x(512, 1.0f);  // every value 127, every sum of four 508
  test::with_every_isa([&] {
    EXPECT_EQ(quantised(DataType::q8_0, x)[0].offsets[127], -128 * 508);
    EXPECT_EQ(quantised(DataType::q6_k, x)[0].offsets[64], -32 * 508);
    const ActivationChunk halves = quantised(DataType::q4_0, x)[0];
    EXPECT_EQ(halves.offsets[0], -8 * 1016);  // of both vectors
    EXPECT_EQ(halves.offsets[16], 0);
    EXPECT_EQ(quantised(DataType::q5_0, x)[0].offsets[15], -16 * 1016);
    EXPECT_EQ(quantised(DataType::q4_k, x)[0].offsets[5], 0);
  });
}

TEST(Int8Activations, SumsAreThoseOfWeightsWithMinima) {
  std::vector<float> x(64, 0);
  x[33] = 254;  // value 127, scale 2
  x[63] = -4;   // value -2
  test::with_every_isa([&] {
    for (const DataType type : {DataType::q4_1, DataType::q5_1, DataType::q4_k, DataType::q5_k}) {
      const ActivationChunk chunk = quantised(type, x)[0];
      EXPECT_EQ(chunk.sums[0], 0.0f) << name(type);
      EXPECT_EQ(chunk.sums[1], 250.0f) << name(type);
    }
    EXPECT_EQ(quantised(DataType::q8_0, x)[0].sums[1], 0.0f);
  });
}

TEST(Int8Activations, RoundingIsAtMostHalfAStep) {
  const std::vector<float> x = test::numbers(608, 1);
  for (const DataType type : kBlockTypes) {
    test::with_every_isa([&] {
      const std::vector<ActivationChunk> chunks = quantised(type, x);
      const std::vector<double> values = values_of(type, chunks, x.size());
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double step = static_cast<double>(chunks[i / 512].scales[i % 512 / 32]);
        ASSERT_LE(std::abs(values[i] - static_cast<double>(x[i])), 0.50001 * step) << name(type) << " " << i;
      }
    });
  }
}

TEST(Int8Activations, SmallestAndLargestNumbers) {
  std::vector<float> x(64, 0);
  x[0] = 1e-38f;
  x[40] = 3e38f;
  x[41] = -1.5e38f;
  test::with_every_isa([&] {
    const std::vector<double> values = values_of(DataType::q8_0, quantised(DataType::q8_0, x), 64);
    EXPECT_EQ(values[0], 0);
    EXPECT_NEAR(values[40], 3e38, 1e33);
    EXPECT_NEAR(values[41], -1.5e38, 1.5e36);
  });
}

TEST(Int8Activations, WhatIsNoNumberStaysNone) {
  const RandomBlocks w(DataType::q8_0, 64, 1);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> x(64, 1);
    x[50] = bad;
    test::with_every_isa([&] {
      float out = 0;
      kernels().dot_rows_int8({DataType::q8_0, w.data(), 1, 64}, {0, 1}, quantised(DataType::q8_0, x).data(), &out,
                              false);
      EXPECT_FALSE(std::isfinite(out)) << bad;
    });
  }
}

/// By the kernel itself, token by token: linear() takes other kernels for several.
void multiply(const std::vector<float>& x, std::size_t tokens, const WeightMatrix& w, std::vector<float>& out,
              bool add) {
  const std::size_t chunks = activation_chunks(w.cols);
  Buffer<ActivationChunk> activations(tokens * chunks);
  for (std::size_t t = 0; t < tokens; ++t)
    kernels().quantise_activations(w.type, x.data() + t * w.cols, w.cols, activations.data() + t * chunks);
  for (std::size_t t = 0; t < tokens; ++t) {
    kernels().dot_rows_int8(w, {0, w.rows}, activations.data() + t * chunks, out.data() + t * w.rows, add);
  }
}

/// Every row, token and way of output, within a few roundings of f32 (the integers are exact).
void expect_products(DataType type, std::size_t tokens, std::size_t rows, std::size_t cols) {
  const RandomBlocks w(type, rows * cols, static_cast<std::uint32_t>(cols), 0.002f);
  const std::vector<float> x = test::numbers(tokens * cols, 1);
  const std::vector<float> before = test::numbers(tokens * rows, 3);
  test::with_every_isa([&] {
    std::vector<double> rounded;
    for (std::size_t t = 0; t < tokens; ++t) {
      const std::vector<float> row(x.begin() + static_cast<std::ptrdiff_t>(t * cols),
                                   x.begin() + static_cast<std::ptrdiff_t>((t + 1) * cols));
      const std::vector<double> values = values_of(type, quantised(type, row), cols);
      rounded.insert(rounded.end(), values.begin(), values.end());
    }
    const BlockProducts expected(w, rounded, tokens, rows);
    std::vector<float> out(tokens * rows, 55), added = before;
    multiply(x, tokens, {type, w.data(), rows, cols}, out, false);
    multiply(x, tokens, {type, w.data(), rows, cols}, added, true);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const double bound = expected.bound(i);
      ASSERT_NEAR(static_cast<double>(out[i]), expected.sums[i], bound) << name(type) << " " << tokens << " " << i;
      ASSERT_NEAR(static_cast<double>(added[i]), expected.sums[i] + static_cast<double>(before[i]), bound + 2e-7);
    }
  });
}

TEST(Int8Products, AnyNumberOfTokens) {
  for (const DataType type : kBlockTypes) {
    for (const std::size_t tokens : {1u, 2u, 4u, 5u, 11u}) expect_products(type, tokens, 35, 1024);
  }
}

TEST(Int8Products, RowsThatEndInsideAChunk) {
  for (const DataType type : kBlockTypes) {
    for (const std::size_t blocks : {1u, 3u, 9u, 18u, 21u}) {
      for (const std::size_t rows : {1u, 17u}) expect_products(type, 1, rows, blocks * block_elements(type));
    }
  }
}

TEST(Int8Products, TheLargestSumsFit) {
  // Codes and activations at the ends of their ranges: -128 * -127 * 512 is not far below 2^23, 255 * 127 * 4 fits.
  for (const float sign : {1.0f, -1.0f}) {
    const std::vector<float> x(512, sign);
    std::vector<std::uint8_t> row(16 * 34, 0x80);
    const Float16 one = to_float16(1.0f);
    for (std::size_t block = 0; block < 16; ++block) std::memcpy(&row[block * 34], &one, 2);
    test::with_every_isa([&] {
      float out = 0;
      kernels().dot_rows_int8({DataType::q8_0, row.data(), 1, 512}, {0, 1}, quantised(DataType::q8_0, x).data(), &out,
                              false);
      EXPECT_NEAR(out, sign * -128.0f * 512.0f, 0.1f);
    });
  }
}

TEST(Int8Products, ATokensResultDependsNeitherOnTheOthersNorOnTheThreads) {
  for (const DataType type : kBlockTypes) {
    const std::size_t rows = 53, cols = 768, tokens = 7;
    const RandomBlocks w(type, rows * cols, 5);
    const std::vector<float> x = test::numbers(tokens * cols, 6);
    const WeightMatrix weights{type, w.data(), rows, cols};
    test::with_every_isa([&] {
      const test::UseCompute use({.few = ComputeType::int8});
      std::vector<float> alone(tokens * rows), together(tokens * rows);
      multiply(x, tokens, weights, together, false);
      for (const int threads : {1, 2, 3}) {
        const test::UseThreads use_threads(threads);
        LinearScratch scratch({1, cols});
        for (std::size_t t = 0; t < tokens; ++t)
          linear({x.data() + t * cols, 1, cols}, weights, {alone.data() + t * rows, 1, rows}, Output::overwrite,
                 scratch);
        EXPECT_EQ(together, alone) << name(type) << " " << threads << " threads";
      }
    });
  }
}

TEST(Int8Products, TheKernelReadsNothingBehindTheLastRow) {
  // The last row ends where the next page may not be read.
  for (const DataType type : kBlockTypes) {
    const std::size_t cols = 3 * block_elements(type);
    const RandomBlocks w(type, cols, 7);
    const test::BytesBeforeAWall bytes(w.data(), w.bytes());
    const std::vector<float> x = test::numbers(cols, 8);
    test::with_every_isa([&] {
      const std::vector<ActivationChunk> chunks = quantised(type, x);
      float out = 0, walled = 0;
      kernels().dot_rows_int8({type, w.data(), 1, cols}, {0, 1}, chunks.data(), &out, false);
      kernels().dot_rows_int8({type, bytes.data(), 1, cols}, {0, 1}, chunks.data(), &walled, false);
      EXPECT_EQ(walled, out) << name(type);
    });
  }
}

TEST(RowStreams, TwoAtOnceGiveTheRowsOfBothAndNoOthers) {
  const std::size_t rows = 7, cols = 96 + 512;  // a part of a chunk too
  const std::vector<float> x = test::numbers(cols, 3);
  for (const DataType type : {DataType::q8_0, DataType::q4_0, DataType::f32}) {
    const RandomBlocks blocks(is_block_type(type) ? type : DataType::q8_0, rows * cols, 5);
    const std::vector<float> plain = test::numbers(rows * cols, 6);
    const WeightMatrix w{type, is_block_type(type) ? static_cast<const void*>(blocks.data()) : plain.data(), rows,
                         cols};
    test::with_every_isa([&] {
      const auto run = [&](const RowStreams& streams) {
        std::vector<float> out(rows, 0.5f);
        if (is_block_type(type))
          kernels().dot_rows_int8(w, streams, quantised(type, x).data(), out.data(), true);
        else
          kernels().dot_rows(w, streams, x.data(), cols, 1, out.data(), rows, true);
        return out;
      };
      const std::vector<float> all = run({0, rows});
      const std::vector<float> pairs = run({1, 3, 4});  // rows 1, 5, 2, 6
      for (const std::size_t row : {1u, 2u, 5u, 6u}) EXPECT_EQ(pairs[row], all[row]) << name(type) << " " << row;
      for (const std::size_t row : {0u, 3u, 4u}) EXPECT_EQ(pairs[row], 0.5f) << name(type) << " " << row;
    });
  }
}

}  // namespace
}  // namespace gemring
