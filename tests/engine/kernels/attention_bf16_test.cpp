// bf16 attention, every instruction set that has a kernel for it, against double arithmetic on the
// rounded inputs. What is left is the rounding of the weights, so the bound of each output is known: weights that are
// wrong by a factor 1 + e, |e| <= r, move sum p v / sum p by at most r sum p |v - o| / sum p.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "tests/engine/kernels/attention_data.h"
#include "tests/engine/kernels/every_isa.h"
#include "tests/engine/kernels/use_compute.h"
#include "tests/engine/kernels/use_threads.h"

namespace gemring {
namespace {

using test::AttentionShape;
using test::causal;
using test::State;

constexpr double kWeightError = 0x1p-8 + 1e-4;  // half a unit of bf16, and the polynomial
constexpr double kSumError = 3e-6;              // f32 sums of values in [-1, 1)

template <class Action>
void with_every_bf16_kernel(Action action) {
  test::with_every_isa([&] {
    if (kernels().attention_tile_bf16 == nullptr) return;
    const test::UseCompute use({.many = ComputeType::bf16});
    action();
  });
}

/// As bf16 kernels round them: keys and values as they are, queries times log2(e) / sqrt(head_dim).
class Bf16Data {
 public:
  explicit Bf16Data(const AttentionShape& shape, float query_scale = 2)
      : Bf16Data(shape, test::numbers(shape.tokens * shape.heads() * shape.head_dim, 1, query_scale),
                 test::numbers(shape.keys * shape.kv_heads * shape.head_dim, 2)) {}

  Bf16Data(const AttentionShape& shape, std::vector<float> q, const std::vector<float>& k)
      : shape_(shape),
        q_(std::move(q)),
        k_(shape.type, k),
        v_(shape.type, test::numbers(shape.keys * shape.kv_heads * shape.head_dim, 3)),
        scratch_(shape.heads(), shape.kv_heads, shape.head_dim) {}

  struct Expected {
    std::vector<double> outputs, bounds;
  };

  Expected expected(const std::vector<KeyRange>& seen) const {
    const std::size_t d = shape_.head_dim;
    const auto scale = static_cast<float>(1.4426950408889634 / std::sqrt(static_cast<double>(d)));
    Expected result;
    for (std::size_t row = 0; row < shape_.tokens * shape_.heads(); ++row) {
      const std::size_t kv_head = row % shape_.heads() / shape_.group;
      const KeyRange range = seen[row / shape_.heads()];
      std::vector<double> weights;
      for (auto key = range.begin; key < range.end; ++key) {
        double score = 0;
        for (std::size_t i = 0; i < d; ++i) score += rounded(q_[row * d + i] * scale) * element(k_, key, kv_head, i);
        weights.push_back(score);
      }
      const double highest = *std::max_element(weights.begin(), weights.end());
      double sum = 0;
      for (double& weight : weights) sum += weight = std::exp2(weight - highest);
      for (std::size_t i = 0; i < d; ++i) {
        double output = 0, spread = 0;
        const auto value = [&](std::size_t n) { return element(v_, range.begin + static_cast<int>(n), kv_head, i); };
        for (std::size_t n = 0; n < weights.size(); ++n) output += weights[n] / sum * value(n);
        for (std::size_t n = 0; n < weights.size(); ++n) spread += weights[n] / sum * std::abs(value(n) - output);
        result.outputs.push_back(output);
        result.bounds.push_back(kWeightError * spread + kSumError);
      }
    }
    return result;
  }

  HeadsView<const float> q() const { return {q_.data(), shape_.tokens, shape_.heads(), shape_.head_dim}; }

  KeysValues kv(std::size_t begin, std::size_t end) const {
    const std::size_t offset = begin * shape_.kv_heads * shape_.head_dim * bytes_per_element(shape_.type);
    return {shape_.type, k_.data() + offset, v_.data() + offset, end - begin, shape_.kv_heads, shape_.head_dim};
  }

  std::vector<float> attended(const std::vector<KeyRange>& seen) {
    State state(shape_.tokens, shape_.heads(), shape_.head_dim);
    attend(q(), kv(0, shape_.keys), seen, state.view(), StateUse::start_and_finish, scratch_);
    return state.o;
  }

  /// Keys [begin, end) into an open state; `seen` counts from the first key of all.
  void attend_piece(State& state, std::size_t begin, std::size_t end, const std::vector<KeyRange>& seen, StateUse use) {
    attend(q(), kv(begin, end), test::seen_of(seen, begin, end), state.view(), use, scratch_);
  }

  void attend_part(State& part, std::size_t begin, std::size_t end, const std::vector<KeyRange>& seen) {
    gemring::attend_part(q(), kv(begin, end), test::seen_of(seen, begin, end), part.part(), scratch_);
  }

  State state() const { return {shape_.tokens, shape_.heads(), shape_.head_dim}; }
  std::vector<float> finished(State& state) const {
    std::vector<float> out(state.o.size());
    finish(state.view(), {out.data(), shape_.tokens, shape_.heads(), shape_.head_dim});
    return out;
  }
  AttentionScratch& scratch() { return scratch_; }

 private:
  static double rounded(float x) { return static_cast<double>(to_float(to_bfloat16(x))); }
  double element(const test::Stored& stored, std::int32_t key, std::size_t kv_head, std::size_t i) const {
    return rounded(stored.values()[(static_cast<std::size_t>(key) * shape_.kv_heads + kv_head) * shape_.head_dim + i]);
  }

  AttentionShape shape_;
  std::vector<float> q_;
  test::Stored k_, v_;
  AttentionScratch scratch_;
};

/// The largest error in units of what it may be; 1 or less is right.
double worst(const std::vector<float>& outputs, const Bf16Data::Expected& expected) {
  double worst = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const double share = std::abs(static_cast<double>(outputs[i]) - expected.outputs[i]) / expected.bounds[i];
    if (!(share <= worst)) worst = share;  // NaN too
    if (std::isnan(worst)) return worst;
  }
  return worst;
}

void expect_in_bounds(const AttentionShape& shape, const std::vector<KeyRange>& seen, float query_scale = 2) {
  Bf16Data data(shape, query_scale);
  const auto expected = data.expected(seen);
  with_every_bf16_kernel([&] { EXPECT_LE(worst(data.attended(seen), expected), 1) << shape.text(); });
}

TEST(AttentionBf16, PartsAreMeansOfValuesWhereverTheScoresLie) {
  // Queries that put all scores of a row far above or below the reference of 0, which then stays where it is.
  for (const float size : {-11.0f, -4.0f, 0.5f, 4.0f, 11.0f, 40.0f}) {
    const AttentionShape shape{40, 2, 3, 64, 300, DataType::bf16};
    std::vector<float> q(shape.tokens * shape.heads() * shape.head_dim);
    for (std::size_t i = 0; i < q.size(); ++i) q[i] = size * (1 + 0.25f * static_cast<float>(i % 3));
    std::vector<float> k = test::numbers(shape.keys * shape.kv_heads * shape.head_dim, 2);
    for (float& value : k) value = 0.5f + 0.25f * value;
    Bf16Data data(shape, q, k);
    const auto seen = causal(shape.tokens, 260);
    const auto expected = data.expected(seen);
    with_every_bf16_kernel([&] {
      State own = data.state(), part = data.state();
      data.attend_piece(own, 0, 100, seen, StateUse::start);
      data.attend_part(part, 100, 300, seen);
      for (const float o : part.o) EXPECT_LE(std::abs(o), 1) << size;
      merge(own.view(), part.part());
      EXPECT_LE(worst(data.finished(own), expected), 1) << size;
    });
  }
}

TEST(AttentionBf16, SetsWithProductsOfBf16HaveAKernelAndComputeChoosesIt) {
  Bf16Data data({40, 2, 3, 64, 100, DataType::f32});
  const auto seen = causal(40, 60);
  test::with_every_isa([&] {
    ASSERT_EQ(kernels().attention_tile_bf16 != nullptr, active_isa() >= Isa::avx512bf16);
    if (kernels().attention_tile_bf16 == nullptr) return;
    const auto exact = data.attended(seen);  // compute f32
    const test::UseCompute use({.many = ComputeType::bf16});
    const double difference = test::largest_difference(data.attended(seen), exact);
    EXPECT_GT(difference, 1e-5);
    EXPECT_LT(difference, 2e-2);
  });
}

TEST(AttentionBf16, ASetsKernelIsItsOwn) {
  if (detected_isa() < Isa::amx) GTEST_SKIP() << "no AMX here";
  EXPECT_NE(kernels_of(Isa::amx).attention_tile_bf16, kernels_of(Isa::avx512bf16).attention_tile_bf16);
}

TEST(AttentionBf16, EveryHeadDimAndGroup) {
  for (const std::size_t head_dim : {2u, 24u, 48u, 64u, 80u, 96u, 128u, 160u, 256u}) {
    for (const std::size_t group : {1u, 3u, 4u, 7u}) {
      for (const DataType type : {DataType::f32, DataType::bf16}) {
        expect_in_bounds({13, group < 7 ? 2u : 1u, group, head_dim, 140, type}, causal(13, 127));
      }
    }
  }
}

TEST(AttentionBf16, HeadsWiderThanTheTilesAreComputedInF32) {
  const AttentionShape shape{5, 1, 2, 288, 70, DataType::bf16};
  test::AttentionData data(shape);
  const auto seen = causal(5, 65);
  with_every_bf16_kernel(
      [&] { EXPECT_LT(test::largest_difference(data.attended(seen), data.expected(seen)), kSumError); });
}

TEST(AttentionBf16, AnyNumberOfTokensAndKeys) {
  for (const std::size_t tokens : {2u, 5u, 33u, 67u, 300u}) {
    for (const DataType type : {DataType::f32, DataType::bf16}) {
      expect_in_bounds({tokens, 2, 3, 6, tokens, type}, causal(tokens));
      expect_in_bounds({tokens, 1, 4, 64, tokens + 130, type}, causal(tokens, 130));
    }
  }
  expect_in_bounds({2, 1, 1, 64, 1, DataType::bf16}, {{0, 1}, {0, 1}});      // one key
  expect_in_bounds({40, 1, 4, 64, 1100, DataType::bf16}, causal(40, 1060));  // keys of more than one chunk
  expect_in_bounds({1100, 1, 1, 16, 1100, DataType::f32}, causal(1100));     // ends in several chunks
  expect_in_bounds({3, 1, 1, 128, 1200, DataType::f32}, {{0, 3}, {1020, 1030}, {1190, 1200}});  // keys nobody sees
}

TEST(AttentionBf16, SlidingWindows) {
  for (const std::size_t window : {1u, 2u, 31u, 64u, 100u, 299u}) {
    expect_in_bounds({150, 2, 3, 64, 300, DataType::bf16}, causal(150, 150, window));
    expect_in_bounds({150, 1, 1, 80, 300, DataType::f32}, causal(150, 150, window));
  }
}

TEST(AttentionBf16, ShardsCarriedOnStayInTheBoundOfOneCall) {
  for (const std::size_t head_dim : {64u, 128u}) {
    const AttentionShape shape{67, 2, 4, head_dim, 300, DataType::bf16};
    Bf16Data data(shape);
    const auto seen = causal(67, 233);
    const auto expected = data.expected(seen);
    with_every_bf16_kernel([&] {
      for (const std::size_t cut : {1u, 64u, 200u, 299u}) {
        State state = data.state();
        data.attend_piece(state, 0, cut, seen, StateUse::start);
        data.attend_piece(state, cut, cut, seen, StateUse::carry_on);  // a shard without keys
        data.attend_piece(state, cut, 300, seen, StateUse::carry_on);
        EXPECT_LE(worst(data.finished(state), expected), 1) << cut;
      }
      State late = data.state();  // the last keys first, which the early tokens do not see
      data.attend_piece(late, 250, 300, seen, StateUse::start);
      EXPECT_EQ(late.m[0], kNothingSeen);
      data.attend_piece(late, 0, 250, seen, StateUse::carry_on);
      EXPECT_LE(worst(data.finished(late), expected), 1);
    });
  }
}

TEST(AttentionBf16, AStateOfTheF32KernelIsCarriedOn) {
  Bf16Data data({40, 1, 3, 64, 200, DataType::f32});
  const auto seen = causal(40, 160);
  const auto expected = data.expected(seen);
  with_every_bf16_kernel([&] {
    State state = data.state();
    {
      const test::UseCompute use({});
      data.attend_piece(state, 0, 50, seen, StateUse::start);
    }
    data.attend_piece(state, 50, 200, seen, StateUse::carry_on);
    const auto outputs = data.finished(state);
    // The f32 part has the queries unrounded: their scores, up to some units, are off by 2^-9 of themselves.
    EXPECT_LT(test::largest_difference(outputs, expected.outputs), 2e-2);
    State other = data.state();
    data.attend_piece(other, 0, 200, seen, StateUse::start);
    EXPECT_LT(test::largest_difference(outputs, data.finished(other)), 2e-2);
  });
}

TEST(AttentionBf16, ScoresFarFromZeroAndRisingStayInBounds) {
  // Every query is all ones: key k's scores are -300, or rise from -300 to 300, in units of log2 or so.
  for (const bool rising : {false, true}) {
    const AttentionShape shape{40, 1, 3, 64, 500, DataType::f32};
    std::vector<float> k(500 * 64);
    for (std::size_t key = 0; key < 500; ++key) {
      const float score = rising ? -300.0f + 1.2f * static_cast<float>(key) : -300.0f;
      for (std::size_t d = 0; d < 64; ++d) k[key * 64 + d] = score / 11.5f + (d % 7 == key % 7 ? 0.1f : 0.0f);
    }
    Bf16Data data(shape, std::vector<float>(40 * 3 * 64, 1.0f), k);
    const auto seen = causal(40, 460);
    auto expected = data.expected(seen);
    for (double& bound : expected.bounds) bound += 1e-4;  // f32 scores of 300 are off by 2^-16
    with_every_bf16_kernel([&] {
      EXPECT_LE(worst(data.attended(seen), expected), 1) << rising;
      State state = data.state();
      data.attend_piece(state, 0, 250, seen, StateUse::start);
      data.attend_piece(state, 250, 500, seen, StateUse::carry_on);
      EXPECT_LE(worst(data.finished(state), expected), 1) << rising;
    });
  }
}

TEST(AttentionBf16, HugeScoresStayInRange) {
  Bf16Data data({40, 1, 3, 64, 200, DataType::f32}, 1e6f);
  with_every_bf16_kernel([&] {
    for (const float value : data.attended(causal(40, 160))) EXPECT_LE(std::abs(value), 1) << "or NaN";
  });
}

TEST(AttentionBf16, ATokensBitsDependNeitherOnItsNeighboursNorOnTheThreads) {
  const test::UseThreads most(3);                          // scratch for as many
  Bf16Data data({90, 2, 3, 64, 400, DataType::bf16}, 60);  // peaked: some rows move their references
  const auto seen = causal(90, 310, 333);
  with_every_bf16_kernel([&] {
    const auto all = data.attended(seen);
    for (const std::size_t begin : {0u, 1u, 37u, 88u}) {
      State pair(2, 6, 64);
      attend(data.q().tokens(begin, begin + 2), data.kv(0, 400), std::span(seen).subspan(begin, 2), pair.view(),
             StateUse::start_and_finish, data.scratch());
      EXPECT_EQ(pair.o, std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(begin * 6 * 64),
                                           all.begin() + static_cast<std::ptrdiff_t>((begin + 2) * 6 * 64)));
    }
    for (const int threads : {1, 2, 3}) {
      const test::UseThreads use(threads);
      EXPECT_EQ(data.attended(seen), all) << threads << " threads";
    }
  });
}

TEST(AttentionBf16, InPlaceOnTheQueries) {
  Bf16Data data({50, 2, 3, 48, 60, DataType::bf16});
  const auto seen = causal(50, 10);
  with_every_bf16_kernel([&] {
    const auto expected = data.attended(seen);
    State state = data.state();
    std::copy_n(data.q().data(), state.o.size(), state.o.data());
    attend(state.view().o, data.kv(0, 60), seen, state.view(), StateUse::start_and_finish, data.scratch());
    EXPECT_EQ(state.o, expected);
  });
}

}  // namespace
}  // namespace gemring
