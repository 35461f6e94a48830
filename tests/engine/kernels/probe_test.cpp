#include "engine/kernels/probe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "engine/kernels/kernel_table.h"
#include "tests/engine/kernels/every_isa.h"

namespace gemring {
namespace {

// Chains start at 0, 1, ... 11 in every lane; a round is x <- 0.999 x + 0.001. 2 FLOP x 12 chains x lanes a round.
TEST(FmaProbe, ARoundIsOneMultiplicationAndOneAdditionInEachLaneOfEachChain) {
  test::with_every_isa([] {
    const KernelTable& table = kernels();
    const auto lanes = static_cast<float>(table.fma_probe_flop / 24);
    EXPECT_FLOAT_EQ(table.fma_probe(0), lanes * 66.0f);
    EXPECT_FLOAT_EQ(table.fma_probe(1), lanes * 65.946f);  // 0.999 x 66 + 0.001 x 12
  });
}

TEST(FmaProbe, WiderRegistersDoMoreInARound) {
  const Isa best = std::min(detected_isa(), Isa::avx512);  // those above it have no wider ones
  for (int isa = 1; isa <= static_cast<int>(best); ++isa) {
    EXPECT_EQ(kernels_of(static_cast<Isa>(isa)).fma_probe_flop,
              2 * kernels_of(static_cast<Isa>(isa - 1)).fma_probe_flop);
  }
}

TEST(FmaProbe, GivesARate) {
  EXPECT_GT(measure_f32_fma_gflops(), 0.0);
}

// Ones times ones: a sum grows by as many products as it has terms in a round, and FLOP are two per product. Tiles add
// up the first sum of each accumulator (16 x 16 sums), vectors all sums.
TEST(DotProductProbes, ARoundAddsOneForEachProductOfASum) {
  test::with_every_isa([] {
    const KernelTable& table = kernels();
    const std::size_t sums = active_isa() == Isa::amx ? 16 * 16 : 1;
    if (table.bf16_probe != nullptr) {
      EXPECT_EQ(table.bf16_probe(0), 0.0f);
      EXPECT_EQ(table.bf16_probe(3), 3.0f * static_cast<float>(table.bf16_probe_flop / 2 / sums));
    }
    if (table.int8_probe != nullptr) {
      EXPECT_EQ(table.int8_probe(0), 0.0f);
      EXPECT_EQ(table.int8_probe(3), 3.0f * static_cast<float>(table.int8_probe_op / 2 / sums));
    }
  });
}

TEST(DotProductProbes, GiveARateWhereTheSetHasSuchProducts) {
  test::with_every_isa([] {
    EXPECT_EQ(measure_bf16_gflops().has_value(), active_isa() >= Isa::avx512bf16);
    EXPECT_EQ(measure_int8_gops().has_value(), active_isa() >= Isa::avx512vnni);
    EXPECT_GT(measure_bf16_gflops().value_or(1), 0.0);
    EXPECT_GT(measure_int8_gops().value_or(1), 0.0);
  });
}

// Results depend on the answer. With six threads a core beside it, it was another one in 3 of 100 calls where
// each type had three turns of milliseconds.
TEST(Bf16IsFaster, IsTheSameAnswerBesideOtherLoads) {
  if (kernels_of(detected_isa()).bf16_probe == nullptr) GTEST_SKIP() << "no bf16 dot products here";
  const bool alone = bf16_is_faster();
  std::atomic<bool> stop = false;
  std::vector<std::thread> loads;
  for (unsigned i = 0; i < 6 * std::max(std::thread::hardware_concurrency(), 1u); ++i)
    loads.emplace_back([&] {
      while (!stop) kernels().fma_probe(1 << 16);
    });
  for (int i = 0; i < 30; ++i) EXPECT_EQ(bf16_is_faster(), alone);
  stop = true;
  for (std::thread& load : loads) load.join();
}

TEST(SgemmProbe, MultipliesByTheTransposedWeights) {
  const std::vector<float> x = {1, 2, 3, 4};         // [2, 2]
  const std::vector<float> w = {1, 10, 0, 1, 5, 0};  // [3, 2]
  std::vector<float> out(6);
  EXPECT_GT(measure_sgemm_seconds({x.data(), 2, 2}, {w.data(), 3, 2}, {out.data(), 2, 3}), 0.0);
  EXPECT_EQ(out, (std::vector<float>{21, 2, 5, 43, 4, 15}));
}

}  // namespace
}  // namespace gemring
