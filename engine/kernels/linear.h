// Linear layers: activations times a stored weight matrix.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>
#include <vector>

#include "engine/kernels/kernel_table.h"
#include "engine/tensor/buffer.h"
#include "engine/tensor/view.h"

namespace gemring {

/// Consecutive rows of a product that one thread begins with, and others help with when theirs are done. A cache line.
struct alignas(64) RowShare {
  std::atomic<std::size_t> next = 0;
  std::size_t end = 0;
};

/// Per-thread f32 panels for weights that are stored in other types, and activations in 8 bits. Allocated once per
/// phase.
class LinearScratch {
 public:
  /// For matrices of at most `max_cols` inputs.
  explicit LinearScratch(std::size_t max_cols);
  LinearScratch() = default;

  static constexpr std::size_t kPanelRows = 256;  // outputs per panel, see bench/README.md
  static constexpr std::size_t kFewTokens = 12;   // below it the conversion of a panel costs more than sgemm gains
  float* panel(int thread) { return memory_.data() + static_cast<std::size_t>(thread) * elements_; }
  std::span<RowShare> shares() { return shares_; }
  ActivationChunk* activations() { return activations_.data(); }

 private:
  std::size_t elements_ = 0;
  Buffer<float> memory_;
  std::vector<RowShare> shares_;         // one per thread
  Buffer<ActivationChunk> activations_;  // [kFewTokens - 1, chunks]
};

/// out <- x W^T, or out <- out + x W^T.   x: [tokens, cols], out: [tokens, rows]; W as stored: [rows, cols].
/// Few tokens (decode): dot products on the stored rows, with activations as active_compute().few says: in f32 (blocks
/// are unpacked 256 elements at a time), or for weights in blocks in 8 bits, which adds an error of at most 1/254 of
/// the largest of 32 activations to each. A token's result is the same whatever other tokens are in the call. More:
/// panels of W are converted to f32 one at a time and multiplied by OpenBLAS, one panel per task of the OpenMP threads.
/// Relative error: that of f32 dot products.
enum class Output { overwrite, add };
void linear(MatrixView<const float> x, const WeightMatrix& weights, MatrixView<float> out, Output output,
            LinearScratch& scratch);

}  // namespace gemring
