#include "engine/kernels/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/base/check.h"
#include "tests/engine/kernels/every_isa.h"
#include "tests/support/numbers.h"

namespace gemring {
namespace {

using test::numbers;
using test::with_every_isa;

constexpr std::size_t kLengths[] = {1, 2, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 257, 2048};

TEST(RmsNorm, AWorkedRow) {
  // mean of squares of (3, 4, 0, 0, 5) is 10, with epsilon 6: 16, whose root is 4.
  const std::vector<float> x = {3, 4, 0, 0, 5};
  const std::vector<float> weight = {4, 2, 1, 1, -4};
  with_every_isa([&] {
    std::vector<float> out(5);
    rms_norm({x.data(), 1, 5}, weight, 6, {out.data(), 1, 5});
    EXPECT_EQ(out, (std::vector<float>{3, 2, 0, 0, -5}));
  });
}

TEST(RmsNorm, AnyWidthWithinRounding) {
  for (const std::size_t hidden : kLengths) {
    const std::vector<float> x = numbers(3 * hidden, 1, 10);
    const std::vector<float> weight = numbers(hidden, 2, 2);
    std::vector<double> expected;
    for (std::size_t t = 0; t < 3; ++t) {
      double squares = 0;
      for (std::size_t i = 0; i < hidden; ++i) squares += std::pow(static_cast<double>(x[t * hidden + i]), 2);
      const double root = std::sqrt(squares / static_cast<double>(hidden) + 1e-5);
      for (std::size_t i = 0; i < hidden; ++i) {
        expected.push_back(static_cast<double>(x[t * hidden + i]) / root * static_cast<double>(weight[i]));
      }
    }
    with_every_isa([&] {
      std::vector<float> out(x.size());
      rms_norm({x.data(), 3, hidden}, weight, 1e-5f, {out.data(), 3, hidden});
      EXPECT_LT(test::largest_difference(out, expected), 3e-6) << hidden;
      std::vector<float> in_place = x;
      rms_norm({in_place.data(), 3, hidden}, weight, 1e-5f, {in_place.data(), 3, hidden});
      EXPECT_EQ(in_place, out) << hidden;
    });
  }
}

TEST(RmsNorm, RowsOfALargerMatrixLeaveTheRestAlone) {
  std::vector<float> x = {1, 1, 9, 9, 2, 2, 9, 9};
  const std::vector<float> weight = {1, 1};
  rms_norm({x.data(), 2, 2, 4}, weight, 0, {x.data(), 2, 2, 4});
  EXPECT_EQ(x, (std::vector<float>{1, 1, 9, 9, 1, 1, 9, 9}));
}

TEST(RmsNorm, ShapesThatDoNotFitAreABug) {
  std::vector<float> x(6);
  const std::vector<float> weight(2);
  EXPECT_THROW(rms_norm({x.data(), 2, 3}, weight, 0, {x.data(), 2, 3}), InternalError);
}

TEST(SiluTimes, ValuesOfEverySizeWithinRounding) {
  std::vector<float> gate = numbers(400, 3, 100);
  for (const float special : {0.0f, -0.0f, 1e-30f, -1e-30f, 88.0f, -88.0f, -87.3f, -90.0f, 1e4f, -1e4f, 1e30f}) {
    gate.push_back(special);
  }
  const std::vector<float> up = numbers(gate.size(), 4, 3);
  with_every_isa([&] {
    std::vector<float> out = gate;
    silu_times({out.data(), 1, out.size()}, {up.data(), 1, up.size()});
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto x = static_cast<double>(gate[i]);
      const double expected = x / (1 + std::exp(-x)) * static_cast<double>(up[i]);
      // The argument of exp is rounded: |x| 2^-24 of the result, which matters for x < 0 only.
      const double tolerance = std::abs(expected) * (5e-7 + std::max(0.0, -x) * 1.2e-7) + 1e-30;
      EXPECT_NEAR(static_cast<double>(out[i]), expected, tolerance) << gate[i];
    }
  });
}

TEST(SiluTimes, TheLargestNumbersAreNoNan) {
  const float largest = std::numeric_limits<float>::max();
  with_every_isa([&] {
    for (const std::size_t count : {1u, 40u}) {
      std::vector<float> gate(2 * count, largest);
      std::fill_n(gate.begin(), count, -largest);
      const std::vector<float> up(2 * count, 1);
      silu_times({gate.data(), 2, count}, {up.data(), 2, count});
      for (std::size_t i = 0; i < count; ++i) {
        EXPECT_EQ(gate[i], 0);
        EXPECT_EQ(gate[count + i], largest);
      }
    }
  });
}

TEST(SiluTimes, AnyWidthAndNoElementMore) {
  for (const std::size_t count : kLengths) {
    with_every_isa([&] {
      std::vector<float> gate(count + 1, 1);
      const std::vector<float> up(count, 2);
      silu_times({gate.data(), 1, count}, {up.data(), 1, count});
      for (std::size_t i = 0; i < count; ++i) EXPECT_NEAR(gate[i], 1.46211716f, 3e-7f) << count;  // 2 / (1 + 1/e)
      EXPECT_EQ(gate[count], 1);
    });
  }
}

TEST(Rotate, PairsAreHalfAHeadApart) {
  // One token, two heads of 4; the first pair turns by 90 degrees, the second not at all: (a, b) -> (-b, a).
  const std::vector<float> cos = {0, 1};
  const std::vector<float> sin = {1, 0};
  with_every_isa([&] {
    std::vector<float> x = {1, 2, 3, 4, 5, 6, 7, 8};
    rotate({x.data(), 1, 2, 4}, {cos.data(), 1, 2}, {sin.data(), 1, 2});
    EXPECT_EQ(x, (std::vector<float>{-3, 2, 1, 4, -7, 6, 5, 8}));
  });
}

TEST(RotateInterleaved, PairsAreNeighbours) {
  // The same turns on the head's elements in the order of GGUF's llama files: (x0, x1), (x2, x3).
  const std::vector<float> cos = {0, 1};
  const std::vector<float> sin = {1, 0};
  with_every_isa([&] {
    std::vector<float> x = {1, 3, 2, 4, 5, 7, 6, 8};
    rotate_interleaved({x.data(), 1, 2, 4}, {cos.data(), 1, 2}, {sin.data(), 1, 2});
    EXPECT_EQ(x, (std::vector<float>{-3, 1, 2, 4, -7, 5, 6, 8}));
  });
}

TEST(RotateInterleaved, IsRotateOfThePermutedHead) {
  for (const std::size_t half : {1u, 3u, 16u, 40u, 64u}) {
    const std::vector<float> x = numbers(2 * half, 5);
    const std::vector<float> cos = numbers(half, 6);
    const std::vector<float> sin = numbers(half, 7);
    std::vector<float> halves(2 * half);
    for (std::size_t i = 0; i < half; ++i) {
      halves[i] = x[2 * i];
      halves[half + i] = x[2 * i + 1];
    }
    with_every_isa([&] {
      std::vector<float> interleaved = x;
      std::vector<float> split = halves;
      rotate_interleaved({interleaved.data(), 1, 1, 2 * half}, {cos.data(), 1, half}, {sin.data(), 1, half});
      rotate({split.data(), 1, 1, 2 * half}, {cos.data(), 1, half}, {sin.data(), 1, half});
      for (std::size_t i = 0; i < half; ++i) {
        EXPECT_NEAR(interleaved[2 * i], split[i], 1e-6f) << half;
        EXPECT_NEAR(interleaved[2 * i + 1], split[half + i], 1e-6f) << half;
      }
    });
  }
}

TEST(AddBias, EveryRowGetsTheSame) {
  std::vector<float> x = {1, 2, 3, 4, 5, 6};
  const std::vector<float> bias = {10, 20, 30};
  add_bias({x.data(), 2, 3}, bias);
  EXPECT_EQ(x, (std::vector<float>{11, 22, 33, 14, 25, 36}));
  EXPECT_THROW(add_bias({x.data(), 3, 2}, bias), InternalError);
}

TEST(Rotate, AnyHeadDimAndEveryTokenByItsOwnAngles) {
  for (const std::size_t half : {1u, 3u, 4u, 8u, 12u, 16u, 20u, 32u, 40u, 48u, 64u}) {
    const std::size_t tokens = 5;
    const std::size_t heads = 3;
    const std::vector<float> x = numbers(tokens * heads * 2 * half, 5);
    const std::vector<float> cos = numbers(tokens * half, 6);
    const std::vector<float> sin = numbers(tokens * half, 7);
    std::vector<double> expected(x.size());
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t h = 0; h < heads; ++h) {
        for (std::size_t i = 0; i < half; ++i) {
          const std::size_t at = (t * heads + h) * 2 * half + i;
          const double a = static_cast<double>(x[at]), b = static_cast<double>(x[at + half]);
          const double c = static_cast<double>(cos[t * half + i]), s = static_cast<double>(sin[t * half + i]);
          expected[at] = a * c - b * s;
          expected[at + half] = b * c + a * s;
        }
      }
    }
    with_every_isa([&] {
      std::vector<float> out = x;
      rotate({out.data(), tokens, heads, 2 * half}, {cos.data(), tokens, half}, {sin.data(), tokens, half});
      EXPECT_LT(test::largest_difference(out, expected), 2e-7) << half;
    });
  }
}

TEST(ScoreKeys, AWorkedExampleOfGroupedQueries) {
  // 4 query heads, 2 key heads, head_dim 2: heads 0 and 1 meet key head 0, heads 2 and 3 key head 1.
  const std::vector<float> query = {1, 0, 0, 1, 2, 0, 0, 3};
  const std::vector<float> keys = {1, 10, 100, 1000, -1, 0, 0.5f, 2};
  with_every_isa([&] {
    std::vector<float> scores(2);
    score_keys(query, {keys.data(), 2, 2, 2}, scores);
    EXPECT_EQ(scores[0], 1 + 10 + 200 + 3000);
    EXPECT_EQ(scores[1], -1 + 0 + 1 + 6);
  });
}

TEST(ScoreKeys, AnyShapeWithinRounding) {
  for (const std::size_t head_dim : {2u, 6u, 16u, 24u, 64u, 80u, 128u}) {
    for (const std::size_t group : {1u, 3u, 8u}) {
      const std::vector<float> query = numbers(2 * group * head_dim, 8);
      const std::vector<float> keys = numbers(131 * 2 * head_dim, 9);
      std::vector<double> expected(131);
      for (std::size_t t = 0; t < 131; ++t) {
        for (std::size_t i = 0; i < query.size(); ++i) {
          const std::size_t key_head = i / head_dim / group;
          expected[t] +=
              static_cast<double>(query[i]) * static_cast<double>(keys[(t * 2 + key_head) * head_dim + i % head_dim]);
        }
      }
      with_every_isa([&] {
        std::vector<float> scores(131);
        score_keys(query, {keys.data(), 131, 2, head_dim}, scores);
        EXPECT_LT(test::largest_difference(scores, expected), 3e-5) << head_dim << ", " << group;
      });
    }
  }
}

TEST(ScoreKeys, QueriesThatNoKeyHeadServesAreABug) {
  const std::vector<float> query(6);
  const std::vector<float> keys(4);
  std::vector<float> scores(1);
  EXPECT_THROW(score_keys(query, {keys.data(), 1, 2, 2}, scores), InternalError);
}

}  // namespace
}  // namespace gemring
