// What the measurements of kernels share: operands, clocks, the type of products for a while.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine/base/clock.h"
#include "engine/kernels/compute.h"
#include "engine/tensor/buffer.h"
#include "engine/tensor/data_type.h"

namespace gemring {

/// Values in [-0.5, 0.5), the same in every run.
Buffer<float> random_floats(std::size_t count, std::uint32_t seed);

Buffer<std::uint16_t> as_bf16(const Buffer<float>& values);

/// `w` (whole blocks) in any type; k-quants, which nothing here quantises to, as random bytes with scales of about
/// 1e-3.
Buffer<std::byte> stored_weights(DataType type, const Buffer<float>& w);

/// OpenBLAS's and OpenMP's threads spin for some milliseconds after their work: none may disturb the next measurement.
void let_threads_sleep();

template <class Work>
double seconds_of(Work&& work) {
  let_threads_sleep();
  const double start = steady_seconds();
  std::forward<Work>(work)();
  return steady_seconds() - start;
}

/// The type of products while this object lives.
class ComputeScope {
 public:
  explicit ComputeScope(Compute compute) : before_(active_compute()) { set_active_compute(compute); }
  ~ComputeScope() { set_active_compute(before_); }
  ComputeScope(const ComputeScope&) = delete;
  ComputeScope& operator=(const ComputeScope&) = delete;

 private:
  Compute before_;
};

}  // namespace gemring
