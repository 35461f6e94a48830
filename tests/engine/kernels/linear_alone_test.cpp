#include <gtest/gtest.h>

#include "engine/kernels/linear/linear.h"
#include "engine/kernels/linear/normed_input.h"
#include "tests/engine/kernels/every_isa.h"
#include "tests/engine/kernels/plain_blocks.h"
#include "tests/engine/kernels/use_compute.h"
#include "tests/engine/kernels/use_threads.h"
#include "tests/support/numbers.h"
#include "tests/support/stored.h"

namespace gemring {
namespace {

using test::numbers;
using test::Stored;

constexpr std::size_t kTokens = 5, kRows = 300, kCols = 512;

/// The next tokens of several sequences, and what each gives as the only one, bit by bit.
template <class Weights>
void expect_each_as_by_itself(DataType type, const Weights& w, const Weights& up, Compute compute) {
  const test::UseCompute use(compute);
  const std::vector<float> x = numbers(kTokens * kCols, 1);
  const std::vector<float> norm = numbers(kCols, 3);
  const WeightMatrix gate_matrix{type, w.data(), kRows, kCols};
  const GatedWeights gated_weights{gate_matrix, {type, up.data(), kRows, kCols}, {}, {}};
  const auto run = [&](std::size_t begin, std::size_t tokens) {
    LinearScratch scratch({.tokens = 64, .inputs = kCols, .gated = kRows, .alone = kTokens});
    scratch.set_rows(LinearScratch::Rows::alone);
    std::vector<float> normed(kTokens * kCols);
    std::vector<float> out(2 * tokens * kRows);
    LinearInput input =
        normed_input({x.data() + begin * kCols, tokens, kCols}, norm, 1e-5f, {normed.data(), kTokens, kCols}, scratch);
    linear(input, gate_matrix, {out.data(), tokens, kRows}, Output::overwrite, scratch);
    const LinearInput wide = gated(input, gated_weights, type, scratch);
    for (std::size_t t = 0; t < tokens; ++t) std::copy_n(wide.rows.row(t), kRows, out.data() + (tokens + t) * kRows);
    return out;
  };
  const std::vector<float> all = run(0, kTokens);
  for (std::size_t t = 0; t < kTokens; ++t) {
    const std::vector<float> one = run(t, 1);
    for (std::size_t part = 0; part < 2; ++part) {
      const auto expected = one.begin() + static_cast<std::ptrdiff_t>(part * kRows);
      const auto got = all.begin() + static_cast<std::ptrdiff_t>((part * kTokens + t) * kRows);
      EXPECT_TRUE(std::equal(expected, expected + kRows, got)) << name(type) << ", token " << t << ", part " << part;
    }
  }
}

template <class Weights>
void expect_it_in_every_way(DataType type, const Weights& w, const Weights& up) {
  for (const int threads : {1, 2}) {
    const test::UseThreads use(threads);
    test::with_every_isa([&] {
      expect_each_as_by_itself(type, w, up, {});
      expect_each_as_by_itself(type, w, up, choose_compute(std::nullopt, active_isa(), true));
    });
  }
}

TEST(RowsAlone, AreToTheBitWhatEachIsByItself) {
  constexpr std::size_t kElements = kRows * kCols;
  for (const DataType type : {DataType::f32, DataType::bf16, DataType::f16})
    expect_it_in_every_way(type, Stored(type, numbers(kElements, 2)), Stored(type, numbers(kElements, 4)));
  for (const DataType type : test::kBlockTypes)
    expect_it_in_every_way(type, test::RandomBlocks(type, kElements, 2), test::RandomBlocks(type, kElements, 4));
}

}  // namespace
}  // namespace gemring
