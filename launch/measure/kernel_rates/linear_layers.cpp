#include <algorithm>
#include <initializer_list>

#include "engine/kernels/kernel_table.h"
#include "engine/kernels/linear/linear.h"
#include "engine/kernels/probe.h"
#include "launch/measure/bench_report.h"
#include "launch/measure/kernel_rates/kernel_rates.h"
#include "launch/measure/kernel_rates/operands.h"
#include "launch/measure/limits.h"

namespace gemring {
namespace {

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

constexpr double kTimesFasterRounded = 4;

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
    LinearInput input({x_.data(), tokens_, shape_.inputs});
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
  const ComputeScope scope({});
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

/// Products of rounded activations, with weights of each of `types`, against the limit of their own type.
void measure_rounded(const LinearShape& shape, ComputeType compute, std::initializer_list<DataType> types,
                     const KernelRateOptions& options, const KernelRateSink& sink) {
  const ComputeScope scope({.many = ComputeType::bf16, .many_blocks = compute});
  const Limit limit = limit_of(compute);
  Layer layer(shape, options.linear_tokens, kTimesFasterRounded * options.linear_gflop);
  for (const DataType type : types) {
    const Buffer<std::byte> stored = stored_weights(type, layer.weights());
    KernelRate rate = row(shape, options.linear_tokens, type, compute);
    rate.limit = measure(limit);
    for (int run = -1; run < options.repetitions; ++run) {
      const double seconds = layer.ours(type, stored.data());
      rate.limit = std::max(rate.limit, measure(limit));
      if (run >= 0) rate.seconds.push_back(seconds);
    }
    rate.rate = layer.gflop() / median(rate.seconds);
    rate.limit_name = name(limit);
    sink(rate);
  }
}

}  // namespace

void measure_linear_layers(const KernelRateOptions& options, const KernelRateSink& sink) {
  using enum DataType;
  for (const LinearShape& shape : kLinearShapes) measure_f32(shape, options, sink);
  if (kernels().tiles.multiply != nullptr) {
    for (const LinearShape& shape : kLinearShapes)
      measure_rounded(shape, ComputeType::bf16, {bf16, q8_0, q4_0, q4_k}, options, sink);
  }
  if (kernels().int8.multiply == nullptr || active_isa() == Isa::amx) return;  // whose tiles are faster
  for (const LinearShape& shape : kLinearShapes)
    measure_rounded(shape, ComputeType::int8, {q8_0, q4_0, q4_k}, options, sink);
}

}  // namespace gemring
