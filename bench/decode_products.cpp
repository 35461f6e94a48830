#include "bench/decode_products.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "engine/kernels/compute.h"
#include "engine/kernels/linear.h"
#include "engine/kernels/memory_probe.h"
#include "engine/tensor/buffer.h"
#include "launch/report.h"

namespace gemring {
namespace {

constexpr std::size_t kInputs = 2048;              // bench/reference_shape.json: of every matrix but one
constexpr std::size_t kMatrixBytes = 1024u << 20;  // as MemoryProbe
constexpr std::size_t kCachedBytes = 256u << 10;   // fits an L2 beside all else
constexpr int kCachedCalls = 200;
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

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// A matrix of kPattern bytes and one token's vectors.
class Product {
 public:
  Product(DataType type, std::size_t bytes)
      : rows_(bytes / row_bytes(type, kInputs)),
        data_(rows_ * row_bytes(type, kInputs)),
        x_(kInputs),
        out_(rows_),
        scratch_({1, kInputs}),
        weights_{type, data_.data(), rows_, kInputs} {
    const std::size_t row = row_bytes(type, kInputs);
#pragma omp parallel for schedule(static)
    for (std::size_t r = 0; r < rows_; ++r) std::memset(data_.data() + r * row, kPattern, row);
    for (std::size_t i = 0; i < kInputs; ++i) x_[i] = static_cast<float>(i % 17) - 8.0f;
  }

  double seconds(int calls) {
    const double start = now();
    for (int call = 0; call < calls; ++call)
      linear({x_.data(), 1, kInputs}, weights_, {out_.data(), 1, rows_}, Output::overwrite, scratch_);
    return now() - start;
  }
  double gigabytes() const {
    return static_cast<double>(data_.size()) * 1e-9;
  }
  double blocks() const {
    return static_cast<double>(rows_ * kInputs) / 32;
  }

 private:
  std::size_t rows_;
  Buffer<std::byte> data_;
  Buffer<float> x_;
  Buffer<float> out_;
  LinearScratch scratch_;
  WeightMatrix weights_;
};

double nanoseconds_of_block(DataType type, int repetitions) {
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  Product cached(type, kCachedBytes);
  double best = cached.seconds(kCachedCalls);
  for (int run = 0; run < 3 * repetitions; ++run) best = std::min(best, cached.seconds(kCachedCalls));
  omp_set_num_threads(threads);
  return 1e9 * best / (cached.blocks() * kCachedCalls);
}

}  // namespace

void print_decode_products(int repetitions) {
  const Compute before = active_compute();
  const MemoryProbe memory;
  fmt::print("\n| decode, 2048 inputs | memory, GB/s | ours, GB/s | share | ns per 32 weights in L2, one thread |\n");
  fmt::print("|---|---|---|---|---|\n");
  for (const Case& each : kCases) {
    if (each.activations == ComputeType::int8 && active_isa() < Isa::avx512vnni) continue;
    set_active_compute({.few = each.activations});
    std::vector<double> rates;
    std::vector<double> limits;
    {
      Product product(each.type, kMatrixBytes);
      for (int run = -1; run < repetitions; ++run) {  // the first one only warms up
        const double limit = memory.read_gbs();
        const double rate = product.gigabytes() / product.seconds(1);
        if (run < 0) continue;
        limits.push_back(limit);
        rates.push_back(rate);
      }
    }
    fmt::print("| {}, activations {} | {:.1f} | {:.1f} | {:.2f} | {:.2f} |\n", name(each.type), name(each.activations),
               median(limits), median(rates), median(rates) / median(limits),
               nanoseconds_of_block(each.type, repetitions));
  }
  set_active_compute(before);
}

}  // namespace gemring
