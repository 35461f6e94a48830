#include "engine/kernels/linear/linear_int8.h"

#include <omp.h>

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/rounding.h"
#include "engine/kernels/linear/panels.h"

namespace gemring {
namespace {

static_assert(kInt8Rows == 2 * kStripRows, "a product takes a pair of strips, each a vector of rows");

void pack_vector(const RowStrip& rows, std::size_t first_input, std::size_t vector, WeightBlock* blocks) {
  const WeightMatrix& w = *rows.matrix;
  const std::size_t stride = row_bytes(w.type, w.cols);
  const auto* stored = static_cast<const std::byte*>(w.data) + row_bytes(w.type, first_input);
  const std::size_t inputs = std::min(kInt8ChunkInputs, w.cols - first_input);
  kernels().int8.pack_weights(w.type, stored + rows.first_row * stride, stride, rows.rows(), inputs, vector, blocks);
}

/// Sums of all strips with all tokens. strip(i) -> RowStrip, two of the same type make a pair;
/// consume(pair, first token, count, sums) gets [count tokens][2][16 rows] when all inputs are summed up.
template <class Strips, class Consume>
void for_each_group(const Int8Tokens& x, std::size_t strips, Int8Scratch& scratch, Strips strip, Consume consume) {
  const std::size_t chunks = ceil_div(x.inputs, kInt8ChunkInputs);
  const std::size_t groups = x.groups();
  for_each_panel(ceil_div(strips, 2), Int8Scratch::kStripPairs, [&](std::size_t first, std::size_t count) {
    const Int8Scratch::Thread memory = scratch.of_thread(omp_get_thread_num());
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      const std::size_t begin = chunk * kInt8ChunkInputs;
      const std::size_t blocks = std::min(kInt8ChunkInputs, x.inputs - begin) / kInt8Inputs;
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t v = 0; v < 2; ++v) pack_vector(strip(2 * (first + i) + v), begin, v, memory.weights);
        const DataType type = strip(2 * (first + i)).matrix->type;
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
  return kStripPairs * ceil_div(tokens, kInt8Tokens) * kInt8GroupSums;
}

std::size_t Int8Scratch::bytes(std::size_t tokens, std::size_t threads) {
  return bytes_of(kInt8Blocks, sums_of_thread(tokens), threads);
}

Int8Scratch::Int8Scratch(std::size_t tokens) : PanelScratch(kInt8Blocks, sums_of_thread(tokens)) {}

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
  for_each_group(x, strips_of(weights.rows), scratch, in_order(weights),
                 [&](std::size_t pair, std::size_t token, std::size_t count, const float* sums) {
                   const std::size_t row = pair * kInt8Rows;
                   const std::size_t rows = std::min(kInt8Rows, weights.rows - row);
                   for (std::size_t t = 0; t < count; ++t)
                     kernels().int8.store(sums + t * kInt8Rows, rows, add, out.row(token + t) + row);
                 });
}

void multiply_gated_int8(const Int8Tokens& x, const GatedWeights& weights, MatrixView<float> out,
                         Int8Scratch& scratch) {
  const auto bias = [](std::span<const float> all, std::size_t row) { return all.empty() ? nullptr : &all[row]; };
  for_each_group(x, 2 * strips_of(weights.gate.rows), scratch, in_turns(weights),
                 [&](std::size_t pair, std::size_t token, std::size_t count, const float* sums) {
                   const std::size_t row = pair * kStripRows;
                   const std::size_t rows = std::min(kStripRows, weights.gate.rows - row);
                   for (std::size_t t = 0; t < count; ++t) {
                     kernels().int8.store_gated(sums + t * kInt8Rows, rows, bias(weights.gate_bias, row),
                                                bias(weights.up_bias, row), out.row(token + t) + row);
                   }
                 });
}

}  // namespace gemring
