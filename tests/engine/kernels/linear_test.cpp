#include "engine/kernels/linear/linear.h"

#include <gtest/gtest.h>

#include <cstring>

#include "engine/base/check.h"
#include "tests/engine/kernels/every_isa.h"
#include "tests/engine/kernels/use_threads.h"
#include "tests/support/numbers.h"
#include "tests/support/stored.h"

namespace gemring {
namespace {

using test::numbers;
using test::Stored;

constexpr DataType kTypes[] = {DataType::f32, DataType::f16, DataType::bf16};

/// x W^T in double.
std::vector<double> product(const std::vector<float>& x, const std::vector<float>& w, std::size_t tokens,
                            std::size_t rows, std::size_t cols) {
  std::vector<double> out(tokens * rows);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) {
        out[t * rows + r] += static_cast<double>(x[t * cols + c]) * static_cast<double>(w[r * cols + c]);
      }
    }
  }
  return out;
}

struct Shape {
  std::size_t tokens, rows, cols;
};

/// Every stored type and instruction set, and both ways of output, against the product in double.
void expect_product(const Shape& shape) {
  const std::size_t tokens = shape.tokens, rows = shape.rows, cols = shape.cols;
  const std::vector<float> x = numbers(tokens * cols, 1);
  const std::vector<float> before = numbers(tokens * rows, 3);
  for (const DataType type : kTypes) {
    const Stored w(type, numbers(rows * cols, 2));
    const std::vector<double> expected = product(x, w.values(), tokens, rows, cols);
    std::vector<double> added = expected;
    for (std::size_t i = 0; i < added.size(); ++i) added[i] += static_cast<double>(before[i]);
    test::with_every_isa([&] {
      LinearScratch scratch({tokens, cols});
      std::vector<float> out(tokens * rows, 55);
      linear({x.data(), tokens, cols}, {type, w.data(), rows, cols}, {out.data(), tokens, rows}, Output::overwrite,
             scratch);
      EXPECT_LT(test::largest_difference(out, expected), 2e-5) << name(type) << " " << tokens << " tokens";
      out = before;
      linear({x.data(), tokens, cols}, {type, w.data(), rows, cols}, {out.data(), tokens, rows}, Output::add, scratch);
      EXPECT_LT(test::largest_difference(out, added), 2e-5) << name(type) << " " << tokens << " tokens, added";
    });
  }
}

TEST(Linear, AWorkedProduct) {
  // W: 3 outputs of 2 inputs; every value is exact in all stored types.
  const Stored w(DataType::bf16, {1, 2, -1, 0.5f, 0, 4});
  test::with_every_isa([&] {
    for (const std::size_t tokens : {2u, 20u}) {  // dot products; panels
      std::vector<float> x;
      for (std::size_t t = 0; t < tokens; ++t) x.insert(x.end(), {static_cast<float>(t), 10});
      LinearScratch scratch({tokens, 2});
      std::vector<float> out(3 * tokens);
      linear({x.data(), tokens, 2}, {DataType::bf16, w.data(), 3, 2}, {out.data(), tokens, 3}, Output::overwrite,
             scratch);
      EXPECT_EQ((std::vector<float>{out[0], out[1], out[2]}), (std::vector<float>{20, 5, 40}));
      EXPECT_EQ((std::vector<float>{out[3], out[4], out[5]}), (std::vector<float>{21, 4, 40}));
    }
  });
}

TEST(Linear, AnyNumberOfTokens) {
  for (const std::size_t tokens : {1u, 2u, 3u, 4u, 5u, 11u, 12u, 13u, 64u, 100u}) expect_product({tokens, 70, 96});
}

TEST(Linear, OddRowsAndColumns) {
  for (const std::size_t rows : {1u, 31u, 65u, 300u}) {
    for (const std::size_t cols : {1u, 7u, 33u, 129u}) {
      expect_product({3, rows, cols});
      expect_product({17, rows, cols});
    }
  }
}

TEST(Linear, PanelsOfAnyNumberOfRows) {
  // One panel and several of both widths (to 256, and of 321 to 655), whole and with a shorter last one.
  for (const std::size_t rows : {320u, 640u, 641u, 655u, 656u, 1023u, 1310u}) expect_product({13, rows, 24});
}

TEST(Linear, NoTokensAreNoWork) {
  const Stored w(DataType::f32, {1, 2});
  LinearScratch scratch({1, 2});
  linear({nullptr, 0, 2}, {DataType::f32, w.data(), 1, 2}, {nullptr, 0, 1}, Output::overwrite, scratch);
}

TEST(Linear, WeightsMayLieAtAnyAddress) {
  // A file may put a tensor anywhere; an address that is no multiple of the element must do.
  for (const DataType type : kTypes) {
    const Stored w(type, numbers(40 * 37, 4));
    std::vector<std::byte> shifted(w.bytes() + 1);
    std::memcpy(shifted.data() + 1, w.data(), w.bytes());
    for (const std::size_t tokens : {2u, 20u}) {
      const std::vector<float> x = numbers(tokens * 37, 5);
      test::with_every_isa([&] {
        LinearScratch scratch({tokens, 37});
        std::vector<float> expected(tokens * 40), out(tokens * 40);
        linear({x.data(), tokens, 37}, {type, w.data(), 40, 37}, {expected.data(), tokens, 40}, Output::overwrite,
               scratch);
        linear({x.data(), tokens, 37}, {type, shifted.data() + 1, 40, 37}, {out.data(), tokens, 40}, Output::overwrite,
               scratch);
        EXPECT_LT(test::largest_difference(out, expected), 2e-6) << name(type) << ", " << tokens << " tokens";
      });
    }
  }
}

TEST(Linear, RowsOfLargerMatricesLeaveTheRestAlone) {
  const Stored w(DataType::f16, numbers(9 * 5, 6));
  for (const std::size_t tokens : {3u, 30u}) {
    const std::vector<float> x = numbers(tokens * 8, 7);  // rows of 8, of which 5 count
    std::vector<float> packed;
    for (std::size_t t = 0; t < tokens; ++t)
      packed.insert(packed.end(), x.begin() + static_cast<std::ptrdiff_t>(t) * 8,
                    x.begin() + static_cast<std::ptrdiff_t>(t) * 8 + 5);
    const std::vector<double> expected = product(packed, w.values(), tokens, 9, 5);
    test::with_every_isa([&] {
      LinearScratch scratch({tokens, 5});
      std::vector<float> out(tokens * 12, 55);  // rows of 12, of which 9 are written
      linear({x.data(), tokens, 5, 8}, {DataType::f16, w.data(), 9, 5}, {out.data(), tokens, 9, 12}, Output::overwrite,
             scratch);
      for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t r = 0; r < 9; ++r)
          EXPECT_NEAR(static_cast<double>(out[t * 12 + r]), expected[t * 9 + r], 2e-6);
        for (std::size_t r = 9; r < 12; ++r) EXPECT_EQ(out[t * 12 + r], 55);
      }
    });
  }
}

TEST(Linear, ShapesThatDoNotFitAreABug) {
  const Stored w(DataType::f32, {1, 2, 3, 4});
  std::vector<float> x(4), out(4);
  LinearScratch scratch({1, 2});
  EXPECT_THROW(
      linear({x.data(), 1, 3}, {DataType::f32, w.data(), 2, 2}, {out.data(), 1, 2}, Output::overwrite, scratch),
      InternalError);
  EXPECT_THROW(
      linear({x.data(), 1, 2}, {DataType::f32, w.data(), 2, 2}, {out.data(), 1, 3}, Output::overwrite, scratch),
      InternalError);
}

TEST(Linear, TheNumberOfThreadsChangesNoBit) {
  // Few and many tokens, one panel and several, with and without a tail; 8 threads share the tokens of a panel.
  for (const Shape& shape : {Shape{1, 300, 96}, Shape{5, 300, 96}, Shape{12, 300, 96}, Shape{20, 896, 896},
                             Shape{20, 130, 64}, Shape{33, 1100, 40}, Shape{100, 33, 576}, Shape{150, 65, 512},
                             Shape{257, 128, 320}, Shape{512, 224, 129}, Shape{600, 520, 96}}) {
    for (const DataType type : {DataType::f32, DataType::bf16}) {
      const std::vector<float> x = numbers(shape.tokens * shape.cols, 8);
      const Stored w(type, numbers(shape.rows * shape.cols, 9));
      std::vector<float> expected;
      for (const int threads : {1, 2, 3, 5, 8}) {
        const test::UseThreads use(threads);
        LinearScratch scratch({shape.tokens, shape.cols});
        std::vector<float> out(shape.tokens * shape.rows, 1.0f);
        linear({x.data(), shape.tokens, shape.cols}, {type, w.data(), shape.rows, shape.cols},
               {out.data(), shape.tokens, shape.rows}, Output::add, scratch);
        if (threads == 1) expected = out;
        EXPECT_EQ(std::memcmp(out.data(), expected.data(), out.size() * sizeof(float)), 0)
            << shape.tokens << " x " << shape.rows << " x " << shape.cols << " of " << name(type) << ", " << threads
            << " threads";
      }
    }
  }
}

TEST(Linear, OneTokenReachesEveryRowOnceOnAnyNumberOfThreads) {
  const std::size_t cols = 64;
  const std::vector<float> x = test::numbers(cols, 4);
  for (const std::size_t rows : {1u, 2u, 3u, 15u, 16u, 17u, 33u, 97u}) {
    const std::vector<float> w = test::numbers(rows * cols, 7);
    const WeightMatrix weights{DataType::f32, w.data(), rows, cols};
    for (const int threads : {1, 2, 3}) {
      const test::UseThreads use(threads);
      LinearScratch scratch({1, cols});
      std::vector<float> out(rows, 1.0f);
      linear({x.data(), 1, cols}, weights, {out.data(), 1, rows}, Output::add, scratch);
      for (std::size_t r = 0; r < rows; ++r) {
        double sum = 1;
        for (std::size_t c = 0; c < cols; ++c) sum += static_cast<double>(x[c]) * static_cast<double>(w[r * cols + c]);
        EXPECT_NEAR(static_cast<double>(out[r]), sum, 1e-4) << rows << " rows, " << threads << " threads, row " << r;
      }
    }
  }
}

}  // namespace
}  // namespace gemring
