// What the matmuls of many tokens (linear_tiles.h, linear_int8.h) share: both take weights in pairs of strips of 16
// rows, and give each thread a panel of them and its sums.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <span>

#include "engine/base/rounding.h"
#include "engine/kernels/kernel_table.h"
#include "engine/tensor/buffer.h"

namespace gemring {

/// The matrices of a gated MLP's first half, of equal shape, and their biases (empty: none).
struct GatedWeights {
  WeightMatrix gate;
  WeightMatrix up;
  std::span<const float> gate_bias;
  std::span<const float> up_bias;
};

inline constexpr std::size_t kStripRows = 16;

/// Strips that cover `rows`.
constexpr std::size_t strips_of(std::size_t rows) {
  return ceil_div(rows, kStripRows);
}

/// 16 rows of a matrix, fewer at its end, none beyond it.
struct RowStrip {
  const WeightMatrix* matrix;
  std::size_t first_row;

  std::size_t rows() const { return first_row < matrix->rows ? std::min(kStripRows, matrix->rows - first_row) : 0; }
};

/// i -> strip i of the matrix, which outlives it.
inline auto in_order(const WeightMatrix& weights) {
  return [&weights](std::size_t i) { return RowStrip{&weights, i * kStripRows}; };
}

/// i -> strips of gate and up in turns, so that a pair holds the same rows of both.
inline auto in_turns(const GatedWeights& weights) {
  return [&weights](std::size_t i) { return RowStrip{i % 2 == 0 ? &weights.gate : &weights.up, i / 2 * kStripRows}; };
}

/// Per-thread scratch of a product: its panel of weights and its sums.
template <class Weight>
class PanelScratch {
 public:
  PanelScratch() = default;
  /// For the threads of OpenMP, each with so many.
  PanelScratch(std::size_t weights, std::size_t sums) : weights_of_thread_(weights), sums_of_thread_(sums) {
    const auto threads = static_cast<std::size_t>(omp_get_max_threads());
    weights_ = Buffer<Weight>(threads * weights);
    sums_ = Buffer<float>(threads * sums);
  }

  static std::size_t bytes_of(std::size_t weights, std::size_t sums, std::size_t threads) {
    return threads * (weights * sizeof(Weight) + sums * sizeof(float));
  }

  struct Thread {
    Weight* weights;
    float* sums;
  };
  Thread of_thread(int thread) {
    const auto index = static_cast<std::size_t>(thread);
    return {weights_.data() + index * weights_of_thread_, sums_.data() + index * sums_of_thread_};
  }

 private:
  std::size_t weights_of_thread_ = 0;
  std::size_t sums_of_thread_ = 0;
  Buffer<Weight> weights_;
  Buffer<float> sums_;
};

}  // namespace gemring
