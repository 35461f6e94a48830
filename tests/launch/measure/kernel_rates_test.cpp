#include "launch/measure/kernel_rates/kernel_rates.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/kernels/isa.h"
#include "engine/kernels/kernel_table.h"

namespace gemring {
namespace {

/// So little work that only the rows are of interest.
constexpr KernelRateOptions kLittle = {.repetitions = 1,
                                       .linear_tokens = 3,
                                       .attention_tokens = 40,
                                       .linear_gflop = 1e-3,
                                       .decode_matrix_bytes = std::size_t{1} << 20};

std::vector<KernelRate> rates(void (*measure)(const KernelRateOptions&, const KernelRateSink&)) {
  const Compute before = active_compute();
  std::vector<KernelRate> all;
  measure(kLittle, [&](const KernelRate& rate) { all.push_back(rate); });
  EXPECT_EQ(active_compute(), before);
  for (const KernelRate& rate : all) {
    EXPECT_EQ(rate.seconds.size(), 1u) << rate.shape;
    EXPECT_GT(rate.rate, 0) << rate.shape;
    EXPECT_GT(rate.limit, 0) << rate.shape;
    EXPECT_EQ(rate.share(), rate.rate / rate.limit) << rate.shape;
  }
  return all;
}

TEST(KernelRates, LinearLayersAreSharesOfSgemmOrOfTheProductsTheyUse) {
  const std::vector<KernelRate> all = rates(measure_linear_layers);
  const bool tiles = kernels().tiles.multiply != nullptr;
  const bool int8 = kernels().int8.multiply != nullptr && active_isa() != Isa::amx;  // whose tiles are faster
  ASSERT_EQ(all.size(), 4u * 2 + (tiles ? 4 * 4 : 0) + (int8 ? 4 * 3 : 0));
  for (const KernelRate& rate : all) {
    EXPECT_EQ(rate.kernel, "linear");
    EXPECT_EQ(rate.tokens, 3);
    EXPECT_EQ(rate.limit_name, rate.compute == ComputeType::f32    ? "sgemm, GFLOP/s"
                               : rate.compute == ComputeType::bf16 ? "bf16 products, GFLOP/s"
                                                                   : "int8 products, GOP/s");
  }
  EXPECT_EQ(all[1].weights, DataType::bf16);
  EXPECT_EQ(all.back().weights, tiles || int8 ? DataType::q4_k : DataType::bf16);
}

TEST(KernelRates, AttentionIsAShareOfTheProductsItUses) {
  const std::vector<KernelRate> all = rates(measure_attention);
  const bool tiles = kernels().attention_tile_bf16 != nullptr;
  ASSERT_EQ(all.size(), tiles ? 8u : 4u);
  EXPECT_EQ(all.front().shape, "32 / 8 heads of 64, causal");
  EXPECT_EQ(all.back().shape, "16 / 4 heads of 128, causal");
  for (const KernelRate& rate : all) {
    EXPECT_EQ(rate.tokens, 40);
    EXPECT_EQ(rate.limit_name, rate.compute == ComputeType::f32 ? "f32 products, GFLOP/s" : "bf16 products, GFLOP/s");
  }
}

TEST(KernelRates, ProductsOfDecodeAreSharesOfTheMemorysReadRate) {
  const std::vector<KernelRate> all = rates(measure_decode_products);
  ASSERT_EQ(all.size(), active_isa() < Isa::avx512vnni ? 4u : 12u);
  for (const KernelRate& rate : all) {
    EXPECT_EQ(rate.tokens, 1);
    EXPECT_EQ(rate.limit_name, "memory read, GB/s");
    EXPECT_EQ(rate.shape, "1 MiB, 2048 inputs");
  }
}

}  // namespace
}  // namespace gemring
