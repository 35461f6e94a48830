// Products of many tokens in 8 bits, on every instruction set that has them, against double arithmetic on the numbers
// that the blocks and the rounded activations stand for.
#include "engine/kernels/linear/linear_int8.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/kernels/linear/linear.h"
#include "tests/engine/kernels/before_a_wall.h"
#include "tests/engine/kernels/every_isa.h"
#include "tests/engine/kernels/plain_blocks.h"
#include "tests/engine/kernels/use_compute.h"
#include "tests/engine/kernels/use_threads.h"
#include "tests/support/numbers.h"
#include "tests/support/stored.h"

namespace gemring {
namespace {

using test::BlockProducts;
using test::kBlockTypes;
using test::numbers;
using test::RandomBlocks;

constexpr Compute kInt8{.many_blocks = ComputeType::int8};

/// action() with each instruction set that multiplies many tokens in 8 bits; how many there were.
template <class Action>
int with_every_int8_isa(Action action) {
  const test::UseCompute use(kInt8);
  int sets = 0;
  test::with_every_isa([&] {
    if (kernels().int8.multiply == nullptr) return;
    ++sets;
    action();
  });
  return sets;
}

#define SKIP_WITHOUT_INT8(sets) \
  if ((sets) == 0) GTEST_SKIP() << "this processor has no AVX-512 VNNI"

/// The numbers that activations become: whole multiples of a 127th of the largest of 32.
std::vector<double> rounded_to_8_bits(const std::vector<float>& x) {
  std::vector<double> values;
  for (std::size_t part = 0; part < x.size(); part += 32) {
    float largest = 0;
    for (std::size_t i = 0; i < 32; ++i) largest = std::max(largest, std::abs(x[part + i]));
    for (std::size_t i = 0; i < 32; ++i) {
      const float whole = largest > 0 ? std::nearbyint(x[part + i] * (127.0f / largest)) : 0;
      values.push_back(static_cast<double>(whole) * static_cast<double>(largest / 127.0f));
    }
  }
  return values;
}

void expect_rounded_products(DataType type, std::size_t tokens, std::size_t rows, std::size_t cols) {
  SCOPED_TRACE(std::string(name(type)) + ", " + std::to_string(tokens) + " tokens, [" + std::to_string(rows) + ", " +
               std::to_string(cols) + "]");
  const RandomBlocks w(type, rows * cols, 1, 0.002f);
  const std::vector<float> x = numbers(tokens * cols, 2);
  const std::vector<float> before = numbers(tokens * rows, 3);
  const BlockProducts expected(w, rounded_to_8_bits(x), tokens, rows);
  const WeightMatrix weights{type, w.data(), rows, cols};
  with_every_int8_isa([&] {
    LinearScratch scratch({tokens, cols});
    std::vector<float> out(tokens * rows, 55);
    std::vector<float> added = before;
    linear({x.data(), tokens, cols}, weights, {out.data(), tokens, rows}, Output::overwrite, scratch);
    linear({x.data(), tokens, cols}, weights, {added.data(), tokens, rows}, Output::add, scratch);
    for (std::size_t i = 0; i < out.size(); ++i) {
      ASSERT_NEAR(static_cast<double>(out[i]), expected.sums[i], expected.bound(i)) << i;
      ASSERT_NEAR(static_cast<double>(added[i]), expected.sums[i] + static_cast<double>(before[i]),
                  expected.bound(i) + 2e-7)
          << i;
    }
  });
}

TEST(LinearInt8, AnyNumberOfTokensRowsAndInputs) {
  SKIP_WITHOUT_INT8(with_every_int8_isa([] {}));
  for (const std::size_t tokens : {2u, 5u, 6u, 7u, 12u, 61u}) expect_rounded_products(DataType::q8_0, tokens, 48, 64);
  for (const std::size_t rows : {1u, 15u, 16u, 17u, 31u, 32u, 33u, 300u})
    expect_rounded_products(DataType::q8_0, 8, rows, 96);
  for (const std::size_t cols : {32u, 480u, 512u, 544u, 1056u}) expect_rounded_products(DataType::q8_0, 13, 20, cols);
}

TEST(LinearInt8, EveryTypeOfBlocks) {
  SKIP_WITHOUT_INT8(with_every_int8_isa([] {}));
  for (const DataType type : kBlockTypes) {
    for (const std::size_t blocks : {1u, 2u, 3u, 21u})
      expect_rounded_products(type, 9, 37, blocks * block_elements(type));
  }
}

TEST(LinearInt8, TheLargestSumsFit) {
  const std::vector<float> x(6 * 512, -1.0f);
  std::vector<std::uint8_t> row(16 * 34, 0x80);  // codes of -128
  const Float16 one = to_float16(1.0f);
  for (std::size_t block = 0; block < 16; ++block) std::memcpy(&row[block * 34], &one, 2);
  SKIP_WITHOUT_INT8(with_every_int8_isa([&] {
    LinearScratch scratch({6, 512});
    std::vector<float> out(6);
    linear({x.data(), 6, 512}, {DataType::q8_0, row.data(), 1, 512}, {out.data(), 6, 1}, Output::overwrite, scratch);
    for (const float sum : out) EXPECT_NEAR(sum, 128.0f * 512.0f, 0.1f);
  }));
}

TEST(LinearInt8, WhatIsNoNumberStaysNoneInItsOwnTokenOnly) {
  const RandomBlocks w(DataType::q8_0, 64, 1);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> x(3 * 64, 1);
    x[64 + 50] = bad;
    SKIP_WITHOUT_INT8(with_every_int8_isa([&] {
      LinearScratch scratch({3, 64});
      std::vector<float> out(3);
      linear({x.data(), 3, 64}, {DataType::q8_0, w.data(), 1, 64}, {out.data(), 3, 1}, Output::overwrite, scratch);
      EXPECT_TRUE(std::isfinite(out[0]));
      EXPECT_FALSE(std::isfinite(out[1])) << bad;
      EXPECT_TRUE(std::isfinite(out[2]));
    }));
  }
}

TEST(LinearInt8, ATokenDoesNotDependOnItsNeighboursNorOnThreads) {
  const std::size_t rows = 100, cols = 2048 + 256, tokens = 40;
  const std::vector<float> x = numbers(tokens * cols, 1);
  const RandomBlocks w(DataType::q4_k, rows * cols, 2);
  const WeightMatrix weights{DataType::q4_k, w.data(), rows, cols};
  SKIP_WITHOUT_INT8(with_every_int8_isa([&] {
    std::vector<float> all(tokens * rows);
    for (const int count : {1, 2, 3}) {
      const test::UseThreads use(count);
      LinearScratch scratch({tokens, cols});
      std::vector<float> out(tokens * rows);
      linear({x.data(), tokens, cols}, weights, {out.data(), tokens, rows}, Output::overwrite, scratch);
      if (count == 1) all = out;
      EXPECT_EQ(out, all) << count << " threads";
      linear({x.data() + 7 * cols, 2, cols}, weights, {out.data(), 2, rows}, Output::overwrite, scratch);
      for (std::size_t i = 0; i < 2 * rows; ++i) ASSERT_EQ(out[i], all[7 * rows + i]) << count << " threads, " << i;
    }
  }));
}

TEST(LinearInt8, NothingIsReadBehindTheLastRow) {
  for (const DataType type : kBlockTypes) {
    const std::size_t cols = 3 * block_elements(type);
    const RandomBlocks w(type, cols, 7);
    const test::BytesBeforeAWall bytes(w.data(), w.bytes());
    const std::vector<float> x = numbers(2 * cols, 8);
    SKIP_WITHOUT_INT8(with_every_int8_isa([&] {
      LinearScratch scratch({2, cols});
      std::vector<float> out(2), walled(2);
      linear({x.data(), 2, cols}, {type, w.data(), 1, cols}, {out.data(), 2, 1}, Output::overwrite, scratch);
      linear({x.data(), 2, cols}, {type, bytes.data(), 1, cols}, {walled.data(), 2, 1}, Output::overwrite, scratch);
      EXPECT_EQ(walled, out) << name(type);
    }));
  }
}

/// silu(x G^T + g) (x U^T + u)
void expect_gated(DataType gate_type, DataType up_type, std::size_t tokens, std::size_t outputs, bool biased) {
  SCOPED_TRACE(std::string(name(gate_type)) + ", " + std::string(name(up_type)) + ", " + std::to_string(tokens) +
               " tokens, " + std::to_string(outputs) + " outputs, biased " + std::to_string(biased));
  const std::size_t cols = 768;
  const std::vector<float> x = numbers(tokens * cols, 1);
  const RandomBlocks gate(gate_type, outputs * cols, 2, 0.001f);
  const RandomBlocks up(up_type, outputs * cols, 3, 0.001f);
  const std::vector<float> g = biased ? numbers(outputs, 4) : std::vector<float>();
  const std::vector<float> u = biased ? numbers(outputs, 5) : std::vector<float>();
  const BlockProducts gates(gate, rounded_to_8_bits(x), tokens, outputs);
  const BlockProducts ups(up, rounded_to_8_bits(x), tokens, outputs);
  with_every_int8_isa([&] {
    LinearScratch scratch({tokens, cols, outputs});
    LinearInput input({x.data(), tokens, cols});
    const LinearInput result =
        gated(input, {{gate_type, gate.data(), outputs, cols}, {up_type, up.data(), outputs, cols}, g, u},
              DataType::q8_0, scratch);
    ASSERT_EQ(result.tokens(), tokens);
    ASSERT_EQ(result.inputs(), outputs);
    for (std::size_t i = 0; i < tokens * outputs; ++i) {
      const double a = gates.sums[i] + (biased ? static_cast<double>(g[i % outputs]) : 0);
      const double b = ups.sums[i] + (biased ? static_cast<double>(u[i % outputs]) : 0);
      const double bound = 2 * (std::abs(b) + 1) * gates.bound(i) + 2 * (std::abs(a) + 1) * ups.bound(i) + 1e-6;
      const float value = result.rows.row(i / outputs)[i % outputs];
      ASSERT_NEAR(static_cast<double>(value), a / (1 + std::exp(-a)) * b, bound) << i;
    }
  });
}

TEST(LinearInt8, GatedProducts) {
  SKIP_WITHOUT_INT8(with_every_int8_isa([] {}));
  for (const std::size_t outputs : {1u, 15u, 16u, 17u, 32u, 100u})
    expect_gated(DataType::q8_0, DataType::q8_0, 7, outputs, false);
  for (const std::size_t tokens : {2u, 6u, 13u}) expect_gated(DataType::q4_k, DataType::q4_k, tokens, 50, true);
  expect_gated(DataType::q4_k, DataType::q6_k, 7, 40, true);  // as some files mix them
}

TEST(LinearInt8, WeightsStoredOneByOneKeepTheirOwnType) {
  const std::size_t tokens = 14, rows = 20, cols = 64;
  const std::vector<float> x = numbers(tokens * cols, 1);
  const test::Stored w(DataType::bf16, numbers(rows * cols, 2));
  const WeightMatrix weights{DataType::bf16, w.data(), rows, cols};
  std::vector<float> exact(tokens * rows);
  LinearScratch exact_scratch({tokens, cols});
  linear({x.data(), tokens, cols}, weights, {exact.data(), tokens, rows}, Output::overwrite, exact_scratch);
  SKIP_WITHOUT_INT8(with_every_int8_isa([&] {
    LinearScratch scratch({tokens, cols});
    std::vector<float> out(tokens * rows);
    linear({x.data(), tokens, cols}, weights, {out.data(), tokens, rows}, Output::overwrite, scratch);
    EXPECT_LT(test::largest_difference(out, exact), 1e-5);
  }));
}

}  // namespace
}  // namespace gemring
