#include "engine/kernels/linear_int8.h"

#include <omp.h>

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/rounding.h"
#include "engine/kernels/panels.h"

namespace gemring {
namespace {

constexpr std::size_t kVectorRows = 16;

/// Up to 16 rows of a matrix from `first_row` on, none beyond its end.
struct RowVector {
  const WeightMatrix* matrix;
  std::size_t first_row;

  std::size_t rows() const { return first_row < matrix->rows ? std::min(kVectorRows, matrix->rows - first_row) : 0; }
};

void pack_vector(const RowVector& rows, std::size_t first_input, std::size_t vector, WeightBlock* blocks) {
  const WeightMatrix& w = *rows.matrix;
  const std::size_t stride = row_bytes(w.type, w.cols);
  const auto* stored = static_cast<const std::byte*>(w.data) + row_bytes(w.type, first_input);
  const std::size_t inputs = std::min(kInt8ChunkInputs, w.cols - first_input);
  kernels().int8.pack_weights(w.type, stored + rows.first_row * stride, stride, rows.rows(), inputs, vector, blocks);
}

/// Sums of all row vectors with all tokens. row_vector(i) -> RowVector, two of the same type make a pair;
/// consume(pair, first token, count, sums) gets [count tokens][2][16 rows] when all inputs are summed up.
template <class RowVectorOf, class Consume>
void for_each_group(const Int8Tokens& x, std::size_t vectors, Int8Scratch& scratch, RowVectorOf row_vector,
                    Consume consume) {
  const std::size_t chunks = ceil_div(x.inputs, kInt8ChunkInputs);
  const std::size_t groups = x.groups();
  for_each_panel(ceil_div(vectors, 2), Int8Scratch::kPanelPairs, [&](std::size_t first, std::size_t count) {
    const Int8Scratch::Thread memory = scratch.of_thread(omp_get_thread_num());
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      const std::size_t begin = chunk * kInt8ChunkInputs;
      const std::size_t blocks = std::min(kInt8ChunkInputs, x.inputs - begin) / kInt8Inputs;
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t v = 0; v < 2; ++v) pack_vector(row_vector(2 * (first + i) + v), begin, v, memory.weights);
        const DataType type = row_vector(2 * (first + i)).matrix->type;
        for (std::size_t group = 0; group < groups; ++group) {
          float* sums = memory.sums + (i * groups + group) * kInt8GroupSums;
          kernels().int8.multiply(type, {memory.weights, x.group(chunk, group), blocks, sums, chunk == 0});
          if (chunk + 1 < chunks) continue;
          const std::size_t token = group * kInt8Tokens;
          consume(first + i, token, std::min(kInt8Tokens, x.tokens - token), sums);
        }
      }
    }
  });
}

}  // namespace

std::size_t Int8Tokens::blocks(std::size_t tokens, std::size_t inputs) {
  return ceil_div(inputs, kInt8ChunkInputs) * ceil_div(tokens, kInt8Tokens) * kInt8Blocks;
}

std::size_t Int8Scratch::sums_of_thread(std::size_t tokens) {
  return kPanelPairs * ceil_div(tokens, kInt8Tokens) * kInt8GroupSums;
}

std::size_t Int8Scratch::bytes(std::size_t tokens, std::size_t threads) {
  return threads * (kInt8Blocks * sizeof(WeightBlock) + sums_of_thread(tokens) * sizeof(float));
}

Int8Scratch::Int8Scratch(std::size_t tokens) : sums_(sums_of_thread(tokens)) {
  const auto threads = static_cast<std::size_t>(omp_get_max_threads());
  weights_ = Buffer<WeightBlock>(threads * kInt8Blocks);
  all_sums_ = Buffer<float>(threads * sums_);
}

Int8Scratch::Thread Int8Scratch::of_thread(int thread) {
  const auto index = static_cast<std::size_t>(thread);
  return {weights_.data() + index * kInt8Blocks, all_sums_.data() + index * sums_};
}

Int8Tokens pack_int8(MatrixView<const float> x, TokenBlock* blocks) {
  GEMRING_CHECK(x.cols() % kInt8Inputs == 0, "{} inputs in blocks of {}", x.cols(), kInt8Inputs);
  const Int8Tokens packed{blocks, x.rows(), x.cols()};
#pragma omp parallel for schedule(static)
  for (std::size_t group = 0; group < packed.groups(); ++group) {
    const std::size_t token = group * kInt8Tokens;
    for (std::size_t begin = 0; begin < x.cols(); begin += kInt8ChunkInputs) {
      kernels().int8.pack_tokens(x.row(token) + begin, x.stride(), std::min(kInt8Tokens, x.rows() - token),
                                 std::min(kInt8ChunkInputs, x.cols() - begin),
                                 packed.group(begin / kInt8ChunkInputs, group));
    }
  }
  return packed;
}

void multiply_int8(const Int8Tokens& x, const WeightMatrix& weights, MatrixView<float> out, bool add,
                   Int8Scratch& scratch) {
  const auto row_vector = [&](std::size_t i) { return RowVector{&weights, i * kVectorRows}; };
  for_each_group(x, ceil_div(weights.rows, kVectorRows), scratch, row_vector,
                 [&](std::size_t pair, std::size_t token, std::size_t count, const float* sums) {
                   const std::size_t row = pair * kInt8Rows;
                   const std::size_t rows = std::min(kInt8Rows, weights.rows - row);
                   for (std::size_t t = 0; t < count; ++t)
                     kernels().int8.store(sums + t * kInt8Rows, rows, add, out.row(token + t) + row);
                 });
}

void multiply_gated_int8(const Int8Tokens& x, const GatedWeights& weights, MatrixView<float> out,
                         Int8Scratch& scratch) {
  const auto row_vector = [&](std::size_t i) {  // in turns, so that a pair holds the same rows of both
    return RowVector{i % 2 == 0 ? &weights.gate : &weights.up, i / 2 * kVectorRows};
  };
  const auto bias = [](std::span<const float> all, std::size_t row) { return all.empty() ? nullptr : &all[row]; };
  for_each_group(x, 2 * ceil_div(weights.gate.rows, kVectorRows), scratch, row_vector,
                 [&](std::size_t pair, std::size_t token, std::size_t count, const float* sums) {
                   const std::size_t row = pair * kVectorRows;
                   const std::size_t rows = std::min(kVectorRows, weights.gate.rows - row);
                   for (std::size_t t = 0; t < count; ++t) {
                     kernels().int8.store_gated(sums + t * kInt8Rows, rows, bias(weights.gate_bias, row),
                                                bias(weights.up_bias, row), out.row(token + t) + row);
                   }
                 });
}

}  // namespace gemring
