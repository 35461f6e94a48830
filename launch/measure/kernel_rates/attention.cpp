#include "engine/kernels/attention/attention.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/kernels/kernel_table.h"
#include "launch/measure/bench_report.h"
#include "launch/measure/kernel_rates/kernel_rates.h"
#include "launch/measure/kernel_rates/operands.h"
#include "launch/measure/limits.h"

namespace gemring {
namespace {

struct HeadsShape {
  std::size_t heads;
  std::size_t kv_heads;
  std::size_t head_dim;
};
constexpr HeadsShape kHeadsShapes[] = {{32, 8, 64}, {16, 4, 128}};

void measure_one(const HeadsShape& shape, DataType type, ComputeType compute, const KernelRateOptions& options,
                 const KernelRateSink& sink) {
  const ComputeScope scope({.many = compute});
  const std::size_t n = options.attention_tokens;
  const std::size_t width = shape.heads * shape.head_dim;
  const std::size_t kv_width = shape.kv_heads * shape.head_dim;
  const Buffer<float> q = random_floats(n * width, 3);
  const Buffer<std::byte> k = stored_weights(type, random_floats(n * kv_width, 4));
  const Buffer<std::byte> v = stored_weights(type, random_floats(n * kv_width, 5));
  const KeysValues kv{.type = type,
                      .keys = k.data(),
                      .values = v.data(),
                      .count = n,
                      .kv_heads = shape.kv_heads,
                      .head_dim = shape.head_dim};
  Buffer<float> out(n * width);
  Buffer<float> maxima(n * shape.heads);
  Buffer<float> sums(n * shape.heads);
  AttentionScratch scratch(shape.heads, shape.kv_heads, shape.head_dim);
  std::vector<KeyRange> seen(n);
  for (std::size_t i = 0; i < n; ++i) seen[i].end = static_cast<std::int32_t>(i) + 1;

  const Limit limit = limit_of(compute);
  KernelRate rate{.kernel = "attention",
                  .shape = fmt::format("{} / {} heads of {}, causal", shape.heads, shape.kv_heads, shape.head_dim),
                  .tokens = static_cast<std::int32_t>(n),
                  .weights = type,
                  .compute = compute,
                  .seconds = {},
                  .limit = measure(limit),
                  .limit_name = std::string(name(limit))};
  for (int run = 0; run < options.repetitions; ++run) {
    rate.seconds.push_back(seconds_of([&] {
      attend({q.data(), n, shape.heads, shape.head_dim}, kv, seen,
             {{out.data(), n, shape.heads, shape.head_dim},
              {maxima.data(), n, shape.heads},
              {sums.data(), n, shape.heads}},
             StateUse::start_and_finish, scratch);
    }));
    rate.limit = std::max(rate.limit, measure(limit));
  }
  // q.k and p.v, two FLOP each, of the n (n + 1) / 2 pairs that causality leaves
  const double gflop = 2e-9 * static_cast<double>(n) * static_cast<double>(n + 1) * static_cast<double>(width);
  rate.rate = gflop / median(rate.seconds);
  sink(rate);
}

}  // namespace

void measure_attention(const KernelRateOptions& options, const KernelRateSink& sink) {
  for (const HeadsShape& shape : kHeadsShapes) {
    for (const ComputeType compute : {ComputeType::f32, ComputeType::bf16}) {
      if (compute == ComputeType::bf16 && kernels().attention_tile_bf16 == nullptr) continue;
      for (const DataType type : {DataType::f32, DataType::bf16}) measure_one(shape, type, compute, options, sink);
    }
  }
}

}  // namespace gemring
