// bf16 matmul on tiles, on every instruction set that has them, against double arithmetic on the
// rounded operands: the products are exact, only the sums are rounded.
#include "engine/kernels/linear/linear_tiles.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "engine/base/check.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/linear/linear.h"
#include "tests/engine/kernels/every_isa.h"
#include "tests/engine/kernels/use_compute.h"
#include "tests/engine/kernels/use_threads.h"
#include "tests/support/numbers.h"
#include "tests/support/stored.h"

namespace gemring {
namespace {

using test::numbers;

constexpr Compute kBf16{.many = ComputeType::bf16, .many_blocks = ComputeType::bf16};

/// action() with each instruction set that multiplies in bf16; how many there were.
template <class Action>
int with_every_bf16_isa(Action action) {
  const test::UseCompute use(kBf16);
  int sets = 0;
  test::with_every_isa([&] {
    if (kernels().tiles.multiply == nullptr) return;
    ++sets;
    action();
  });
  return sets;
}

#define SKIP_WITHOUT_BF16(sets) \
  if ((sets) == 0) GTEST_SKIP() << "this processor has no bf16 matmul"

std::vector<float> rounded_to_bf16(std::vector<float> values) {
  for (float& value : values) value = to_float(to_bfloat16(value));
  return values;
}

/// x W^T, and the sum of the products' magnitudes, which rounding is measured by.
struct Product {
  std::vector<double> sums;
  double largest_magnitude = 0;
};

Product product_and_magnitude(const std::vector<float>& x, const std::vector<float>& w, std::size_t tokens,
                              std::size_t rows, std::size_t cols) {
  Product result{std::vector<double>(tokens * rows), 0};
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t r = 0; r < rows; ++r) {
      double magnitude = 0;
      for (std::size_t c = 0; c < cols; ++c) {
        const double term = static_cast<double>(x[t * cols + c]) * static_cast<double>(w[r * cols + c]);
        result.sums[t * rows + r] += term;
        magnitude += std::abs(term);
      }
      result.largest_magnitude = std::max(result.largest_magnitude, magnitude);
    }
  }
  return result;
}

/// Random bytes as weights of a type: every bit pattern of blocks occurs, scales stay small numbers.
std::vector<std::byte> random_weights(DataType type, std::size_t count, std::uint32_t seed) {
  std::vector<std::byte> bytes(row_bytes(type, count));
  if (!is_block_type(type)) {
    const test::Stored stored(type, numbers(count, seed));
    std::memcpy(bytes.data(), stored.data(), bytes.size());
    return bytes;
  }
  std::mt19937 engine(seed);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(engine());
  for (std::size_t at = 0; at < bytes.size(); at += block_bytes(type)) {
    const std::uint16_t scale = to_float16(0.01f + static_cast<float>(engine() % 100) * 1e-4f).bits;
    const std::size_t place = type == DataType::q6_k ? 208 : 0;
    std::memcpy(bytes.data() + at + place, &scale, 2);
    if (type == DataType::q4_1 || type == DataType::q5_1 || type == DataType::q4_k || type == DataType::q5_k)
      std::memcpy(bytes.data() + at + 2, &scale, 2);
  }
  return bytes;
}

std::vector<float> widened(DataType type, const std::vector<std::byte>& stored, std::size_t count) {
  std::vector<float> values(count);
  widen(type, stored.data(), values.data(), count);
  return values;
}

void expect_tiled_product(DataType type, std::size_t tokens, std::size_t rows, std::size_t cols) {
  SCOPED_TRACE(std::string(name(type)) + ", " + std::to_string(tokens) + " tokens, [" + std::to_string(rows) + ", " +
               std::to_string(cols) + "]");
  const std::vector<float> x = numbers(tokens * cols, 1);
  const std::vector<float> before = numbers(tokens * rows, 3);
  const std::vector<std::byte> stored = random_weights(type, rows * cols, 2);
  const Product expected = product_and_magnitude(
      rounded_to_bf16(x), rounded_to_bf16(widened(type, stored, rows * cols)), tokens, rows, cols);
  const double bound = 1e-6 * expected.largest_magnitude + 1e-6;
  std::vector<double> added = expected.sums;
  for (std::size_t i = 0; i < added.size(); ++i) added[i] += static_cast<double>(before[i]);
  with_every_bf16_isa([&] {
    LinearScratch scratch({tokens, cols});
    std::vector<float> out(tokens * rows, 55);
    linear({x.data(), tokens, cols}, {type, stored.data(), rows, cols}, {out.data(), tokens, rows}, Output::overwrite,
           scratch);
    EXPECT_LT(test::largest_difference(out, expected.sums), bound);
    out = before;
    linear({x.data(), tokens, cols}, {type, stored.data(), rows, cols}, {out.data(), tokens, rows}, Output::add,
           scratch);
    EXPECT_LT(test::largest_difference(out, added), bound) << "added";
  });
}

TEST(LinearTiles, AnyNumberOfTokensRowsAndInputs) {
  SKIP_WITHOUT_BF16(with_every_bf16_isa([] {}));
  for (const std::size_t tokens : {2u, 15u, 16u, 17u, 33u, 70u}) expect_tiled_product(DataType::f32, tokens, 48, 64);
  for (const std::size_t rows : {1u, 15u, 16u, 17u, 31u, 33u, 300u}) expect_tiled_product(DataType::bf16, 20, rows, 96);
  for (const std::size_t cols : {1u, 2u, 31u, 33u, 255u, 257u, 300u})
    expect_tiled_product(DataType::bf16, 18, 20, cols);
}

TEST(LinearTiles, MoreInputsThanAPanelTakesAtOnce) {
  SKIP_WITHOUT_BF16(with_every_bf16_isa([] {}));
  expect_tiled_product(DataType::bf16, 50, 70, TileScratch::kDepth * kTileInputs + 40);
  expect_tiled_product(DataType::q8_0, 3, 40, 2 * TileScratch::kDepth * kTileInputs + 32);
}

TEST(LinearTiles, EveryStoredType) {
  SKIP_WITHOUT_BF16(with_every_bf16_isa([] {}));
  for (const DataType type : {DataType::f16, DataType::q8_0, DataType::q4_0, DataType::q4_1, DataType::q5_0,
                              DataType::q5_1, DataType::q4_k, DataType::q5_k, DataType::q6_k})
    expect_tiled_product(type, 19, 37, 512);
}

TEST(LinearTiles, AWorkedProduct) {
  // 2 tokens, 1 row of 3 inputs: 1.00390625 = 1 + 2^-8 is a tie in bf16 and becomes 1; 3 x 1 + 5 x 2 + 1 x 4 = 17.
  const std::vector<float> x = {1.00390625f, 2, 4, 0, 0, -1};
  const std::vector<float> w = {3, 5, 1};
  SKIP_WITHOUT_BF16(with_every_bf16_isa([&] {
    LinearScratch scratch({2, 3});
    std::vector<float> out(2);
    linear({x.data(), 2, 3}, {DataType::f32, w.data(), 1, 3}, {out.data(), 2, 1}, Output::overwrite, scratch);
    EXPECT_EQ(out, (std::vector<float>{17, -1}));
  }));
}

TEST(LinearTiles, ATokenDoesNotDependOnItsNeighboursNorOnThreads) {
  const std::size_t rows = 100, cols = 2100, tokens = 40;
  const std::vector<float> x = numbers(tokens * cols, 1);
  const test::Stored w(DataType::bf16, numbers(rows * cols, 2));
  SKIP_WITHOUT_BF16(with_every_bf16_isa([&] {
    std::vector<float> all(tokens * rows);
    for (const int count : {1, 2, 3}) {
      const test::UseThreads use(count);
      LinearScratch scratch({tokens, cols});
      std::vector<float> out(tokens * rows);
      const WeightMatrix weights{DataType::bf16, w.data(), rows, cols};
      linear({x.data(), tokens, cols}, weights, {out.data(), tokens, rows}, Output::overwrite, scratch);
      if (count == 1) all = out;
      EXPECT_EQ(out, all) << count << " threads";
      linear({x.data() + 7 * cols, 2, cols}, weights, {out.data(), 2, rows}, Output::overwrite, scratch);
      for (std::size_t i = 0; i < 2 * rows; ++i) ASSERT_EQ(out[i], all[7 * rows + i]) << count << " threads, " << i;
    }
  }));
}

/// silu(x G^T + g) (x U^T + u), rounded to bf16, then multiplied by a unit matrix to read it.
void expect_gated(std::size_t tokens, std::size_t outputs, bool biased) {
  SCOPED_TRACE(std::to_string(tokens) + " tokens, " + std::to_string(outputs) + " outputs, biased " +
               std::to_string(biased));
  const std::size_t cols = 70;
  const std::vector<float> x = numbers(tokens * cols, 1);
  const test::Stored gate(DataType::bf16, numbers(outputs * cols, 2));
  const test::Stored up(DataType::bf16, numbers(outputs * cols, 3));
  const std::vector<float> g = biased ? numbers(outputs, 4) : std::vector<float>();
  const std::vector<float> u = biased ? numbers(outputs, 5) : std::vector<float>();
  const Product gates = product_and_magnitude(rounded_to_bf16(x), gate.values(), tokens, outputs, cols);
  const Product ups = product_and_magnitude(rounded_to_bf16(x), up.values(), tokens, outputs, cols);
  std::vector<double> expected(tokens * outputs);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double a = gates.sums[i] + (biased ? static_cast<double>(g[i % outputs]) : 0);
    const double b = ups.sums[i] + (biased ? static_cast<double>(u[i % outputs]) : 0);
    expected[i] = a / (1 + std::exp(-a)) * b;
  }
  std::vector<float> unit(outputs * outputs);
  for (std::size_t i = 0; i < outputs; ++i) unit[i * outputs + i] = 1;
  with_every_bf16_isa([&] {
    LinearScratch scratch({tokens, cols, outputs});
    std::vector<float> out(tokens * outputs);
    LinearInput input({x.data(), tokens, cols});
    LinearInput result =
        gated(input, {{DataType::bf16, gate.data(), outputs, cols}, {DataType::bf16, up.data(), outputs, cols}, g, u},
              DataType::f32, scratch);
    ASSERT_NE(result.tiles.data, nullptr);
    linear(result, {DataType::f32, unit.data(), outputs, outputs}, {out.data(), tokens, outputs}, Output::overwrite,
           scratch);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const double bound = std::abs(expected[i]) / 256 + 1e-4;  // rounding to bf16, and of the sums before
      ASSERT_NEAR(static_cast<double>(out[i]), expected[i], bound) << i;
    }
  });
}

TEST(LinearTiles, GatedProducts) {
  SKIP_WITHOUT_BF16(with_every_bf16_isa([] {}));
  for (const std::size_t outputs : {1u, 15u, 16u, 17u, 31u, 32u, 48u, 100u}) expect_gated(20, outputs, false);
  for (const std::size_t tokens : {2u, 16u, 33u}) expect_gated(tokens, 50, true);
}

TEST(LinearTiles, ThreeProductsOfAnInputPackItOnceAndOneTokenNever) {
  const std::vector<float> x = numbers(40, 1);
  const test::Stored w(DataType::bf16, numbers(5 * 40, 2));
  SKIP_WITHOUT_BF16(with_every_bf16_isa([&] {
    LinearScratch scratch({2, 40});
    std::vector<float> out(10);
    LinearInput one({x.data(), 1, 40});
    linear(one, {DataType::bf16, w.data(), 5, 40}, {out.data(), 1, 5}, Output::overwrite, scratch);
    EXPECT_EQ(one.tiles.data, nullptr);
    LinearInput two({x.data(), 2, 20});
    linear(two, {DataType::bf16, w.data(), 5, 20}, {out.data(), 2, 5}, Output::overwrite, scratch);
    EXPECT_EQ(two.tiles.data, scratch.input_tiles());
    scratch.input_tiles()[0] = 0;  // seen by further products: the rows are not read again
    scratch.input_tiles()[1] = 0;
    std::vector<float> again(10);
    linear(two, {DataType::bf16, w.data(), 5, 20}, {again.data(), 2, 5}, Output::overwrite, scratch);
    EXPECT_NE(again, out);
  }));
}

TEST(LinearTiles, APromptsLastTokenByItselfMeetsTheOutputMatrixAsAmongOthers) {
  const std::size_t rows = 70, cols = 512;
  const std::vector<std::byte> weights = random_weights(DataType::q8_0, rows * cols, 21);
  const WeightMatrix w{DataType::q8_0, weights.data(), rows, cols};
  const std::vector<float> x = numbers(2 * cols, 22);
  const int sets = with_every_bf16_isa([&] {
    const test::UseCompute use({ComputeType::bf16, ComputeType::bf16, ComputeType::int8});
    LinearScratch both({2, cols}), one({1, cols});
    std::vector<float> expected(2 * rows), out(rows);
    linear({x.data(), 2, cols}, w, {expected.data(), 2, rows}, Output::overwrite, both);
    one.set_rows(LinearScratch::Rows::last);
    linear({x.data() + cols, 1, cols}, w, {out.data(), 1, rows}, Output::overwrite, one);
    EXPECT_EQ(out, std::vector<float>(expected.begin() + static_cast<std::ptrdiff_t>(rows), expected.end()));
  });
  SKIP_WITHOUT_BF16(sets);
}

}  // namespace
}  // namespace gemring
