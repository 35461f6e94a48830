// Linear layers: activations times a stored weight matrix.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/kernels/compute.h"
#include "engine/kernels/kernel_table.h"
#include "engine/kernels/linear/linear_int8.h"
#include "engine/kernels/linear/linear_tiles.h"
#include "engine/tensor/buffer.h"
#include "engine/tensor/view.h"

namespace gemring {

/// Consecutive rows [begin, end) of a product that one thread begins with, and others help with when theirs are done:
/// in one or two streams of `rows` each, and of two the odd last row. A cache line.
struct alignas(64) RowShare {
  std::atomic<std::size_t> next = 0;  // row of each stream, from 0
  std::size_t begin = 0;
  std::size_t rows = 0;
  std::size_t apart = 0;  // of the streams, in rows; 0: there is one
  std::size_t end = 0;
};

/// Whether all matmuls of so many tokens are bf16 matmuls on tiles. Those of one token never do: they are limited by
/// memory.
bool runs_on_tiles(std::size_t tokens, Compute compute);

/// The largest products of a phase.
struct LinearSizes {
  std::size_t tokens = 0;
  std::size_t inputs = 0;
  std::size_t gated = 0;    // outputs of gated(); 0: it is not called
  std::size_t alone = 1;    // rows of LinearScratch::Rows::alone
  std::size_t outputs = 0;  // of the product of gated()'s outputs; 0: any number
};

/// Bytes that become resident of a LinearScratch whose products run in `compute` on so many threads: what these never
/// write is allocated all the same.
std::size_t linear_scratch_bytes(const LinearSizes& sizes, Compute compute, std::size_t threads);

/// Scratch of products: what active_compute() asks for. Allocated once per phase.
class LinearScratch {
 public:
  /// What the rows of an input are to each other. together: tokens of one prompt. alone: the next tokens of several
  /// sequences; each is computed to the bit as if it came by itself, so that no answer depends on what was asked beside
  /// it, and the weights are read from memory once for all. last: tokens of one prompt whose logits are wanted
  /// (type_of_prompt_logits).
  enum class Rows { together, alone, last };

  LinearScratch() = default;
  explicit LinearScratch(const LinearSizes& sizes);

  void set_rows(Rows rows) { rows_ = rows; }
  bool alone() const { return rows_ == Rows::alone; }
  bool last() const { return rows_ == Rows::last; }
  /// By which the type and the way of a product are chosen.
  std::size_t counted(std::size_t tokens) const { return alone() ? std::min<std::size_t>(tokens, 1) : tokens; }

  /// Of a thread, for so many elements: not more than LinearSizes asked for.
  float* panel(int thread, std::size_t elements);
  MatrixView<float> gate(std::size_t tokens, std::size_t outputs) { return {gate_.data(), tokens, outputs}; }
  MatrixView<float> up(std::size_t tokens, std::size_t outputs) { return {up_.data(), tokens, outputs}; }
  std::span<RowShare> shares() { return shares_; }
  ActivationChunk* activations(std::size_t row) { return activations_.data() + row * activation_chunks_; }
  TokenBlock* token_blocks() { return token_blocks_.data(); }
  Int8Scratch& int8() { return int8_; }
  std::uint16_t* input_tiles() { return input_tiles_.data(); }
  std::uint16_t* gated_tiles() { return gated_tiles_.data(); }
  TileScratch& tiles() { return tiles_; }

 private:
  Rows rows_ = Rows::together;
  std::size_t panel_elements_ = 0;
  std::size_t activation_chunks_ = 0;  // of a row
  Buffer<float> panels_;          // [threads, a panel's rows, inputs]; none where no products of many tokens run in f32
  Buffer<float> gate_;            // [tokens, gated]; [alone, gated] where all others go in tiles
  Buffer<float> up_;              // the same
  std::vector<RowShare> shares_;  // one per thread
  Buffer<ActivationChunk> activations_;  // [alone, chunks], in 8 bits
  Buffer<std::uint16_t> input_tiles_;
  Buffer<std::uint16_t> gated_tiles_;
  TileScratch tiles_;
  Buffer<TokenBlock> token_blocks_;
  Int8Scratch int8_;
};

/// Activations as rows in f32, and as products want them: converted by the first product that does, into its scratch,
/// for all further ones. Views memory of the caller and of that scratch, which serves one input at a time.
struct LinearInput {
  MatrixView<const float> rows;  // [tokens, inputs]; empty where gated() made tiles at once
  TokenTiles tiles;              // bf16
  Int8Tokens bytes;

  explicit LinearInput(MatrixView<const float> all) : rows(all) {}
  explicit LinearInput(const TokenTiles& all) : tiles(all) {}
  std::size_t tokens() const { return tiles.data != nullptr ? tiles.tokens : rows.rows(); }
  std::size_t inputs() const { return tiles.data != nullptr ? tiles.inputs : rows.cols(); }
};

/// out <- x W^T, or out <- out + x W^T.   x: [tokens, inputs], out: [tokens, rows]; W as stored: [rows, inputs].
/// type_of_products(active_compute(), ...) says in which type:
///   int8   block-quantised weights, exact; activations in 8 bits, which adds an error of at most 1/254 of the largest
///          of 32 activations to each (one token: dot products on the stored rows; more: linear_int8.h)
///   bf16   both operands rounded to it (linear_tiles.h)
///   f32    below 12 tokens: dot products on the stored rows, blocks unpacked 256 elements at a time; more: panels of W
///          converted to f32 one at a time and multiplied by OpenBLAS, one panel per task
/// Relative error: that of f32 dot products of the rounded operands. A token's result does not depend on the other
/// tokens of the call, but for the rounding of f32 sums in the last two.
enum class Output { overwrite, add };
void linear(LinearInput& x, const WeightMatrix& weights, MatrixView<float> out, Output output, LinearScratch& scratch);

/// The same for an x of one product.
void linear(MatrixView<const float> x, const WeightMatrix& weights, MatrixView<float> out, Output output,
            LinearScratch& scratch);

/// silu(x G^T + g) * (x U^T + u), the input of an MLP's last product, with weights of type `next`.   x: [tokens,
/// inputs]; result: [tokens, G's rows]. Valid until the next call with the same scratch.
LinearInput gated(LinearInput& x, const GatedWeights& weights, DataType next, LinearScratch& scratch);

}  // namespace gemring
