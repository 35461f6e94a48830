// How fast are the kernels? Linear layers of a prefill against OpenBLAS's own sgemm at the same shapes, or against the
// machine's limit of bf16; attention against the limit of the products it uses; products of decode against memory. What
// is compared runs in turns; medians; Markdown tables on standard output.
#include <fmt/format.h>
#include <omp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "bench/decode_products.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/blas_info.h"
#include "engine/kernels/kernel_table.h"
#include "engine/kernels/linear.h"
#include "engine/kernels/probe.h"
#include "engine/kernels/quantise.h"
#include "engine/tensor/buffer.h"
#include "launch/prepare_process.h"
#include "launch/report.h"

namespace gemring {
namespace {

struct KernelOptions {
  std::size_t tokens = 512;              // rows of the activations of a linear layer
  int repetitions = 15;                  // of each linear layer
  std::size_t attention_tokens = 16384;  // queries and keys
  int attention_repetitions = 3;
  int decode_repetitions = 7;  // of each product of one token
  std::string only;            // "linear", "tiles", "attention" or "decode"; empty: all of them
  int threads = 0;             // 0: as OpenMP has it
};

struct LinearShape {
  const char* name;
  std::size_t inputs;
  std::size_t outputs;
};

// bench/reference_shape.json
constexpr LinearShape kLinearShapes[] = {
    {"q, o: 2048 -> 2048", 2048, 2048},
    {"k, v: 2048 -> 512", 2048, 512},
    {"gate, up: 2048 -> 8192", 2048, 8192},
    {"down: 8192 -> 2048", 8192, 2048},
};

struct HeadsShape {
  std::size_t heads;
  std::size_t kv_heads;
  std::size_t head_dim;
};
constexpr HeadsShape kHeadsShapes[] = {{32, 8, 64}, {16, 4, 128}};

constexpr double kGflopPerMeasurement = 20;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// OpenBLAS's and OpenMP's threads spin for some milliseconds after their work: none may disturb the next measurement.
void let_threads_sleep() {
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
}

template <class Work>
double seconds_of(Work&& work) {
  let_threads_sleep();
  const double start = now();
  work();
  return now() - start;
}

/// Values in [-0.5, 0.5), the same in every run.
Buffer<float> random_floats(std::size_t count, std::uint32_t seed) {
  Buffer<float> values(count);
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < count; ++i) {
    // Weyl sequence of the golden ratio, then a 32-bit finaliser (MurmurHash3).
    std::uint32_t x = (static_cast<std::uint32_t>(i) + seed) * 0x9e3779b9u;
    x = (x ^ (x >> 16)) * 0x85ebca6bu;
    x = (x ^ (x >> 13)) * 0xc2b2ae35u;
    values[i] = static_cast<float>(x >> 8) * 0x1p-24f - 0.5f;
  }
  return values;
}

Buffer<std::uint16_t> as_bf16(const Buffer<float>& values) {
  Buffer<std::uint16_t> rounded(values.size());
  kernels().to_bf16(values.data(), rounded.data(), values.size());
  return rounded;
}

void measure_linear(const LinearShape& shape, const KernelOptions& options) {
  const std::size_t tokens = options.tokens;
  const Buffer<float> x = random_floats(tokens * shape.inputs, 1);
  const Buffer<float> w = random_floats(shape.outputs * shape.inputs, 2);
  const Buffer<std::uint16_t> w16 = as_bf16(w);
  Buffer<float> out(tokens * shape.outputs);
  LinearScratch scratch({options.tokens, shape.inputs});

  // As many calls as make a measurement of a large shape: a small one alone is shorter than other processes' turns.
  const double gflop_of_call = 2e-9 * static_cast<double>(tokens * shape.inputs * shape.outputs);
  const int calls = std::max(1, static_cast<int>(kGflopPerMeasurement / gflop_of_call));
  const double gflop = gflop_of_call * calls;

  const MatrixView<const float> in(x.data(), tokens, shape.inputs);
  const MatrixView<float> result(out.data(), tokens, shape.outputs);
  const auto ours = [&](DataType type, const void* data) {
    const WeightMatrix weights{type, data, shape.outputs, shape.inputs};
    return seconds_of([&] {
      for (int call = 0; call < calls; ++call) linear(in, weights, result, Output::overwrite, scratch);
    });
  };
  const auto theirs = [&] {
    let_threads_sleep();
    double seconds = 0;
    for (int call = 0; call < calls; ++call)
      seconds += measure_sgemm_seconds(in, {w.data(), shape.outputs, shape.inputs}, result);
    return seconds;
  };
  std::vector<double> f32;
  std::vector<double> bf16;
  std::vector<double> blas;
  for (int run = -1; run < options.repetitions; ++run) {  // the first one only warms up
    const double ours_f32 = ours(DataType::f32, w.data());
    const double theirs_f32 = theirs();
    const double ours_bf16 = ours(DataType::bf16, w16.data());
    if (run < 0) continue;
    f32.push_back(ours_f32);
    blas.push_back(theirs_f32);
    bf16.push_back(ours_bf16);
  }
  fmt::print("| {} | {:.0f} | {:.0f} | {:.0f} | {:.2f} | {:.2f} |\n", shape.name, gflop / median(blas),
             gflop / median(f32), gflop / median(bf16), median(blas) / median(f32), median(blas) / median(bf16));
}

/// Weights of any type; k-quants, which nothing here quantises to, from random bytes with scales of about 1e-3.
Buffer<std::byte> stored_weights(DataType type, const Buffer<float>& w) {
  Buffer<std::byte> stored(row_bytes(type, w.size()));
  if (can_quantise_to(type)) {
    quantise(w.data(), type, stored.data(), w.size());
  } else if (type == DataType::bf16) {
    kernels().to_bf16(w.data(), reinterpret_cast<std::uint16_t*>(stored.data()), w.size());
  } else {
    std::memcpy(stored.data(), w.data(), stored.size());
    const std::uint16_t scale = to_float16(1e-3f).bits;
    for (std::size_t at = 0; at < stored.size(); at += block_bytes(type)) {
      std::memcpy(stored.data() + at, &scale, sizeof(scale));
      std::memcpy(stored.data() + at + 2, &scale, sizeof(scale));
    }
  }
  return stored;
}

/// Products of many tokens on tiles of bf16, weights as stored, against the limit of the type.
void measure_tiles(const LinearShape& shape, const KernelOptions& options) {
  const std::size_t tokens = options.tokens;
  const Buffer<float> x = random_floats(tokens * shape.inputs, 1);
  const Buffer<float> w = random_floats(shape.outputs * shape.inputs, 2);
  Buffer<float> out(tokens * shape.outputs);
  LinearScratch scratch({tokens, shape.inputs});
  const double gflop_of_call = 2e-9 * static_cast<double>(tokens * shape.inputs * shape.outputs);
  const int calls = std::max(1, static_cast<int>(4 * kGflopPerMeasurement / gflop_of_call));
  fmt::print("| {} ", shape.name);
  double limit = *measure_bf16_gflops();
  std::string cells;
  for (const DataType type : {DataType::bf16, DataType::q8_0, DataType::q4_0, DataType::q4_k}) {
    const Buffer<std::byte> stored = stored_weights(type, w);
    const WeightMatrix weights{type, stored.data(), shape.outputs, shape.inputs};
    LinearInput input({x.data(), tokens, shape.inputs});
    std::vector<double> rates;
    for (int run = -1; run < options.repetitions; ++run) {
      const double seconds = seconds_of([&] {
        for (int call = 0; call < calls; ++call)
          linear(input, weights, {out.data(), tokens, shape.outputs}, Output::overwrite, scratch);
      });
      limit = std::max(limit, *measure_bf16_gflops());
      if (run >= 0) rates.push_back(gflop_of_call * calls / seconds);
    }
    cells += fmt::format("| {:.0f} ({:.2f}) ", median(rates), median(rates) / limit);
  }
  fmt::print("| {:.0f} {}|\n", limit, cells);
}

/// Of all products in the type that attention computes in, GFLOP/s.
double attention_limit(ComputeType compute) {
  return compute == ComputeType::bf16 ? measure_bf16_gflops().value_or(0) : measure_f32_fma_gflops();
}

void measure_attention(const HeadsShape& shape, DataType type, ComputeType compute, const KernelOptions& options) {
  set_active_compute({.many = compute, .many_blocks = compute});
  const std::size_t n = options.attention_tokens;
  const std::size_t width = shape.heads * shape.head_dim;
  const std::size_t kv_width = shape.kv_heads * shape.head_dim;
  Buffer<float> q = random_floats(n * width, 3);
  const Buffer<float> k = random_floats(n * kv_width, 4);
  const Buffer<float> v = random_floats(n * kv_width, 5);
  const bool half = type == DataType::bf16;
  const Buffer<std::uint16_t> k16 = half ? as_bf16(k) : Buffer<std::uint16_t>();
  const Buffer<std::uint16_t> v16 = half ? as_bf16(v) : Buffer<std::uint16_t>();
  const KeysValues kv{.type = type,
                      .keys = half ? static_cast<const void*>(k16.data()) : k.data(),
                      .values = half ? static_cast<const void*>(v16.data()) : v.data(),
                      .count = n,
                      .kv_heads = shape.kv_heads,
                      .head_dim = shape.head_dim};
  Buffer<float> out(n * width);
  Buffer<float> maxima(n * shape.heads);
  Buffer<float> sums(n * shape.heads);
  AttentionScratch scratch(shape.heads, shape.kv_heads, shape.head_dim);
  std::vector<KeyRange> seen(n);
  for (std::size_t i = 0; i < n; ++i) seen[i].end = static_cast<std::int32_t>(i) + 1;

  std::vector<double> seconds;
  double limit = attention_limit(compute);  // the highest: other loads only lower it
  for (int run = 0; run < options.attention_repetitions; ++run) {
    seconds.push_back(seconds_of([&] {
      attend({q.data(), n, shape.heads, shape.head_dim}, kv, seen,
             {{out.data(), n, shape.heads, shape.head_dim},
              {maxima.data(), n, shape.heads},
              {sums.data(), n, shape.heads}},
             StateUse::start_and_finish, scratch);
    }));
    limit = std::max(limit, attention_limit(compute));
  }
  // q.k and p.v, two FLOP each, of the n (n + 1) / 2 pairs that causality leaves
  const double rate =
      2e-9 * static_cast<double>(n) * static_cast<double>(n + 1) * static_cast<double>(width) / median(seconds);
  fmt::print("| {} / {} heads of {}, K and V {}, products {} | {:.0f} | {:.0f} | {:.2f} |\n", shape.heads,
             shape.kv_heads, shape.head_dim, name(type), name(compute), limit, rate, rate / limit);
}

void print_linear_layers(const KernelOptions& options) {
  fmt::print("| linear layer, {} tokens | sgemm | ours, f32 | ours, bf16 | f32 / sgemm | bf16 / sgemm |\n",
             options.tokens);
  fmt::print("|---|---|---|---|---|---|\n");
  for (const LinearShape& shape : kLinearShapes) measure_linear(shape, options);
}

void print_attention(const KernelOptions& options) {
  fmt::print("\n| attention, {} tokens, causal | limit of the products | ours | share |\n|---|---|---|---|\n",
             options.attention_tokens);
  for (const HeadsShape& shape : kHeadsShapes) {
    for (const ComputeType compute : {ComputeType::f32, ComputeType::bf16}) {
      if (compute == ComputeType::bf16 && kernels().attention_tile_bf16 == nullptr) continue;
      for (const DataType type : {DataType::f32, DataType::bf16}) measure_attention(shape, type, compute, options);
    }
  }
}

void print_tiles(const KernelOptions& options) {
  if (kernels().tiles.multiply == nullptr) return;
  set_active_compute({ComputeType::bf16, ComputeType::f32});
  fmt::print("\n| linear layer, {} tokens, bf16 products | limit | bf16 | q8_0 | q4_0 | q4_k |\n", options.tokens);
  fmt::print("|---|---|---|---|---|---|\n");
  for (const LinearShape& shape : kLinearShapes) measure_tiles(shape, options);
  set_active_compute({});
}

int run(const KernelOptions& options) {
  if (options.threads > 0) omp_set_num_threads(options.threads);
  make_blas_single_threaded();
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // a row as soon as it is measured
  fmt::print("{} threads, kernels {}, OpenBLAS core {}; GFLOP/s\n\n", omp_get_max_threads(), name(active_isa()),
             blas_core_name());
  if (options.only.empty() || options.only == "linear") print_linear_layers(options);
  if (options.only.empty() || options.only == "tiles") print_tiles(options);
  if (options.only.empty() || options.only == "attention") print_attention(options);
  if (options.only.empty() || options.only == "decode") print_decode_products(options.decode_repetitions);
  return 0;
}

}  // namespace
}  // namespace gemring

int main(int argc, char** argv) {
  gemring::prepare_process(argv);
  gemring::KernelOptions options;
  CLI::App app("Rates of linear layers and attention against sgemm and the machine's limits.");
  app.add_option("--tokens", options.tokens, "of a linear layer")->capture_default_str();
  app.add_option("--repetitions", options.repetitions, "of a linear layer")->capture_default_str();
  app.add_option("--attention-tokens", options.attention_tokens)->capture_default_str();
  app.add_option("--attention-repetitions", options.attention_repetitions)->capture_default_str();
  app.add_option("--decode-repetitions", options.decode_repetitions, "of a product of one token")
      ->capture_default_str();
  app.add_option("--only", options.only, "one of the tables")
      ->check(CLI::IsMember({"linear", "tiles", "attention", "decode"}));
  app.add_option("--threads", options.threads, "0: as OpenMP has it")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return gemring::run(options);
}
