// Normalised inputs of products: the same bits as normalising and packing one after the other.
#include "engine/kernels/linear/normed_input.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>

#include "engine/base/check.h"
#include "engine/kernels/elementwise.h"
#include "tests/engine/kernels/every_isa.h"
#include "tests/engine/kernels/use_compute.h"
#include "tests/engine/kernels/use_threads.h"
#include "tests/support/numbers.h"

namespace gemring {
namespace {

constexpr Compute kNormedBf16{.many = ComputeType::bf16, .many_blocks = ComputeType::bf16};
constexpr Compute kNormedF32{};
constexpr float kEpsilon = 1e-5f;

/// Tiles or rows as they lie in memory.
std::vector<std::uint16_t> bits(const LinearInput& input) {
  if (input.tiles.data != nullptr)
    return {input.tiles.data, input.tiles.data + TokenTiles::elements(input.tokens(), input.inputs())};
  const auto* begin = reinterpret_cast<const std::uint16_t*>(input.rows.data());
  return {begin, begin + 2 * input.tokens() * input.inputs()};
}

struct Data {
  Data(std::size_t tokens, std::size_t inputs)
      : x(test::numbers(tokens * inputs, 1)), weight(test::numbers(inputs, 2)), view(x.data(), tokens, inputs) {}

  std::vector<std::uint16_t> one_after_the_other() const {
    LinearScratch scratch({view.rows(), view.cols(), 0});
    std::vector<float> normed(x.size());
    rms_norm(view, weight, kEpsilon, {normed.data(), view.rows(), view.cols()});
    LinearInput input({normed.data(), view.rows(), view.cols()});
    if (runs_on_tiles(view.rows(), active_compute()))
      input = LinearInput(pack_tiles(input.rows, scratch.input_tiles()));
    return bits(input);
  }

  /// With exactly the scratch that is asked for; nothing behind it is touched.
  std::vector<std::uint16_t> at_once() const {
    LinearScratch scratch({view.rows(), view.cols(), 0});
    const std::size_t rows =
        normed_rows(view.rows(), active_compute(), static_cast<std::size_t>(omp_get_max_threads()));
    std::vector<float> normed(rows * view.cols() + 1000, 7.0f);
    const auto result = bits(normed_input(view, weight, kEpsilon, {normed.data(), rows, view.cols()}, scratch));
    for (std::size_t i = rows * view.cols(); i < normed.size(); ++i) EXPECT_EQ(normed[i], 7.0f) << "behind the scratch";
    return result;
  }

  std::vector<float> x, weight;
  MatrixView<const float> view;
};

void expect_the_same_bits(Compute compute) {
  const test::UseCompute use(compute);
  for (const std::size_t tokens : {1u, 2u, 15u, 16u, 17u, 33u, 64u, 100u}) {
    for (const std::size_t inputs : {20u, 64u, 130u}) {
      const Data data(tokens, inputs);
      const auto expected = data.one_after_the_other();
      for (const int threads : {1, 2, 3, 5}) {
        const test::UseThreads use_threads(threads);
        EXPECT_TRUE(data.at_once() == expected)
            << tokens << " tokens, " << inputs << " inputs, " << threads << " threads";
      }
    }
  }
}

TEST(NormedInput, RowsOfF32AreTheNormsOwn) {
  test::with_every_isa([] { expect_the_same_bits(kNormedF32); });
}

TEST(NormedInput, TilesAreTheSameForAnyNumberOfThreads) {
  int sets = 0;
  test::with_every_isa([&] {
    if (kernels().tiles.pack_tokens == nullptr) return;
    ++sets;
    expect_the_same_bits(kNormedBf16);
  });
  if (sets == 0) GTEST_SKIP() << "this processor has no bf16 matmul";
}

TEST(NormedInput, ScratchOfTilesIsWhatThreadsPackAtATime) {
  EXPECT_EQ(normed_rows(2048, kNormedF32, 2), 2048u);
  EXPECT_EQ(normed_rows(2048, kNormedBf16, 2), 32u);
  EXPECT_EQ(normed_rows(20, kNormedBf16, 2), 20u);
  EXPECT_EQ(normed_rows(1, kNormedBf16, 2), 1u);
}

TEST(NormedInput, ScratchThatIsTooSmallIsFound) {
  const test::UseCompute use(kNormedF32);
  const Data data(20, 64);
  LinearScratch scratch({20, 64, 0});
  std::vector<float> normed(19 * 64);
  EXPECT_THROW(normed_input(data.view, data.weight, kEpsilon, {normed.data(), 19, 64}, scratch), InternalError);
}

}  // namespace
}  // namespace gemring
