#include <fmt/format.h>

#include <cstring>

#include "engine/kernels/isa.h"
#include "engine/kernels/linear/linear.h"
#include "engine/kernels/memory_probe.h"
#include "launch/measure/bench_report.h"
#include "launch/measure/kernel_rates/kernel_rates.h"
#include "launch/measure/kernel_rates/operands.h"
#include "launch/measure/limits.h"

namespace gemring {
namespace {

constexpr std::size_t kInputs = 2048;     // bench/reference_shape.json: of every matrix but one
constexpr unsigned char kPattern = 0x3c;  // as f16 1.06, as bf16 and f32 0.01: no arithmetic is slow with these

struct Case {
  DataType type;
  ComputeType activations;
};
constexpr Case kCases[] = {
    {DataType::f32, ComputeType::f32},   {DataType::bf16, ComputeType::f32},  {DataType::f16, ComputeType::f32},
    {DataType::q8_0, ComputeType::f32},  {DataType::q8_0, ComputeType::int8}, {DataType::q4_0, ComputeType::int8},
    {DataType::q4_1, ComputeType::int8}, {DataType::q5_0, ComputeType::int8}, {DataType::q5_1, ComputeType::int8},
    {DataType::q4_k, ComputeType::int8}, {DataType::q5_k, ComputeType::int8}, {DataType::q6_k, ComputeType::int8},
};

/// A matrix of kPattern bytes and one token's vectors.
class Product {
 public:
  Product(DataType type, std::size_t bytes)
      : rows_(bytes / row_bytes(type, kInputs)),
        data_(rows_ * row_bytes(type, kInputs)),
        x_(random_floats(kInputs, 6)),
        out_(rows_),
        scratch_({1, kInputs}),
        weights_{type, data_.data(), rows_, kInputs} {
    const std::size_t row = row_bytes(type, kInputs);
#pragma omp parallel for schedule(static)
    for (std::size_t r = 0; r < rows_; ++r) std::memset(data_.data() + r * row, kPattern, row);
  }

  double seconds() {
    const double start = steady_seconds();
    linear({x_.data(), 1, kInputs}, weights_, {out_.data(), 1, rows_}, Output::overwrite, scratch_);
    return steady_seconds() - start;
  }
  double gigabytes() const {
    return static_cast<double>(data_.size()) * 1e-9;
  }

 private:
  std::size_t rows_;
  Buffer<std::byte> data_;
  Buffer<float> x_;
  Buffer<float> out_;
  LinearScratch scratch_;
  WeightMatrix weights_;
};

}  // namespace

void measure_decode_products(const KernelRateOptions& options, const KernelRateSink& sink) {
  const MemoryProbe memory(options.decode_matrix_bytes);
  for (const Case& each : kCases) {
    if (each.activations == ComputeType::int8 && active_isa() < Isa::avx512vnni) continue;
    const ComputeScope scope({.few = each.activations});
    KernelRate rate{.kernel = "decode",
                    .shape = fmt::format("{} MiB, {} inputs", options.decode_matrix_bytes >> 20, kInputs),
                    .tokens = 1,
                    .weights = each.type,
                    .compute = each.activations,
                    .seconds = {},
                    .limit_name = std::string(name(Limit::memory_read))};
    Product product(each.type, options.decode_matrix_bytes);
    std::vector<double> limits;
    for (int run = -1; run < options.repetitions; ++run) {  // the first one only warms up
      const double limit = memory.read_gbs();
      const double seconds = product.seconds();
      if (run < 0) continue;
      limits.push_back(limit);
      rate.seconds.push_back(seconds);
    }
    rate.limit = median(limits);
    rate.rate = product.gigabytes() / median(rate.seconds);
    sink(rate);
  }
}

}  // namespace gemring
