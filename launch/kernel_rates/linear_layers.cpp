#include <algorithm>

#include "engine/kernels/kernel_table.h"
#include "engine/kernels/linear.h"
#include "engine/kernels/probe.h"
#include "launch/bench_report.h"
#include "launch/kernel_rates/kernel_rates.h"
#include "launch/kernel_rates/operands.h"
#include "launch/limits.h"

namespace gemring {
namespace {

struct LinearShape {
  const char* name;
  std::size_t inputs;
  std::size_t outputs;
};

// bench/reference_shape.json
constexpr LinearShape kShapes[] = {
    {"q, o: 2048 -> 2048", 2048, 2048},
    {"k, v: 2048 -> 512", 2048, 512},
    {"gate, up: 2048 -> 8192", 2048, 8192},
    {"down: 8192 -> 2048", 8192, 2048},
};

constexpr double kTimesFasterInBf16 = 4;

/// One shape's operands, multiplied as often as makes a measurement.
class Layer {
 public:
  Layer(const LinearShape& shape, std::size_t tokens, double gflop)
      : shape_(shape),
        tokens_(tokens),
        x_(random_floats(tokens * shape.inputs, 1)),
        w_(random_floats(shape.outputs * shape.inputs, 2)),
        out_(tokens * shape.outputs),
        scratch_({tokens, shape.inputs}),
        gflop_of_call_(2e-9 * static_cast<double>(tokens * shape.inputs * shape.outputs)),
        calls_(std::max(1, static_cast<int>(gflop / gflop_of_call_))) {}

  double ours(DataType type, const void* stored) {
    const WeightMatrix weights{type, stored, shape_.outputs, shape_.inputs};
    const LinearInput input = linear_input({x_.data(), tokens_, shape_.inputs}, scratch_);
    return seconds_of([&] {
      for (int call = 0; call < calls_; ++call) linear(input, weights, out(), Output::overwrite, scratch_);
    });
  }

  double sgemm() {
    let_threads_sleep();
    double seconds = 0;
    for (int call = 0; call < calls_; ++call) {
      seconds +=
          measure_sgemm_seconds({x_.data(), tokens_, shape_.inputs}, {w_.data(), shape_.outputs, shape_.inputs}, out());
    }
    return seconds;
  }

  const Buffer<float>& weights() const { return w_; }
  double gflop() const { return gflop_of_call_ * calls_; }

 private:
  MatrixView<float> out() { return {out_.data(), tokens_, shape_.outputs}; }

  LinearShape shape_;
  std::size_t tokens_;
  Buffer<float> x_;
  Buffer<float> w_;
  Buffer<float> out_;
  LinearScratch scratch_;
  double gflop_of_call_;
  int calls_;
};

KernelRate row(const LinearShape& shape, std::size_t tokens, DataType type, ComputeType compute) {
  KernelRate rate;
  rate.kernel = "linear";
  rate.shape = shape.name;
  rate.tokens = static_cast<std::int32_t>(tokens);
  rate.weights = type;
  rate.compute = compute;
  return rate;
}

void measure_f32(const LinearShape& shape, const KernelRateOptions& options, const KernelRateSink& sink) {
  const ComputeScope scope({ComputeType::f32, ComputeType::f32});
  Layer layer(shape, options.linear_tokens, options.linear_gflop);
  for (const DataType type : {DataType::f32, DataType::bf16}) {
    const Buffer<std::byte> stored = stored_weights(type, layer.weights());
    KernelRate rate = row(shape, options.linear_tokens, type, ComputeType::f32);
    std::vector<double> sgemm;
    for (int run = -1; run < options.repetitions; ++run) {  // the first one only warms up
      const double ours = layer.ours(type, stored.data());
      const double theirs = layer.sgemm();
      if (run < 0) continue;
      rate.seconds.push_back(ours);
      sgemm.push_back(theirs);
    }
    rate.rate = layer.gflop() / median(rate.seconds);
    rate.limit = layer.gflop() / median(sgemm);
    rate.limit_name = "sgemm, GFLOP/s";
    sink(rate);
  }
}

void measure_bf16(const LinearShape& shape, const KernelRateOptions& options, const KernelRateSink& sink) {
  const ComputeScope scope({ComputeType::bf16, ComputeType::f32});
  Layer layer(shape, options.linear_tokens, kTimesFasterInBf16 * options.linear_gflop);
  for (const DataType type : {DataType::bf16, DataType::q8_0, DataType::q4_0, DataType::q4_k}) {
    const Buffer<std::byte> stored = stored_weights(type, layer.weights());
    KernelRate rate = row(shape, options.linear_tokens, type, ComputeType::bf16);
    rate.limit = measure(Limit::bf16_products);
    for (int run = -1; run < options.repetitions; ++run) {
      const double seconds = layer.ours(type, stored.data());
      rate.limit = std::max(rate.limit, measure(Limit::bf16_products));
      if (run >= 0) rate.seconds.push_back(seconds);
    }
    rate.rate = layer.gflop() / median(rate.seconds);
    rate.limit_name = name(Limit::bf16_products);
    sink(rate);
  }
}

}  // namespace

void measure_linear_layers(const KernelRateOptions& options, const KernelRateSink& sink) {
  for (const LinearShape& shape : kShapes) measure_f32(shape, options, sink);
  if (kernels().tiles.multiply == nullptr) return;
  for (const LinearShape& shape : kShapes) measure_bf16(shape, options, sink);
}

}  // namespace gemring
