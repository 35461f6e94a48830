// int8 matmul with block-quantised weights, many tokens (int8_product.h): packing, the loops over chunks, the
// threads.
#pragma once

#include <cstddef>

#include "engine/kernels/linear/row_strips.h"
#include "engine/tensor/view.h"

namespace gemring {

/// Activations in 8 bits: [chunks][groups of 6 tokens][16] blocks; of the last chunk those behind the inputs are
/// unused.
struct Int8Tokens {
  TokenBlock* data = nullptr;
  std::size_t tokens = 0;
  std::size_t inputs = 0;

  std::size_t groups() const { return (tokens + kInt8Tokens - 1) / kInt8Tokens; }
  TokenBlock* group(std::size_t chunk, std::size_t index) const {
    return data + (chunk * groups() + index) * kInt8Blocks;
  }
  static std::size_t blocks(std::size_t tokens, std::size_t inputs);
};

/// Per-thread scratch: a chunk of 32 rows, and the sums of kStripPairs of them.
///     weights: [16] blocks;  sums: [kStripPairs][groups][6 tokens][32 rows]
class Int8Scratch : public PanelScratch<WeightBlock> {
 public:
  Int8Scratch() = default;
  /// For products of at most so many tokens by the threads of OpenMP.
  explicit Int8Scratch(std::size_t tokens);

  static std::size_t bytes(std::size_t tokens, std::size_t threads);

  static constexpr std::size_t kStripPairs = 4;  // of 2 x 16 rows, that read a chunk of the tokens one after the other

 private:
  static std::size_t sums_of_thread(std::size_t tokens);  // f32
};

/// Threads of OpenMP share the groups.   x: [tokens, inputs], whole blocks of 32 inputs; blocks: Int8Tokens::blocks()
Int8Tokens pack_int8(MatrixView<const float> x, TokenBlock* blocks);

/// out <- x W^T, or out + x W^T; weights of a block type.   out: [x.tokens, W.rows]
void multiply_int8(const Int8Tokens& x, const WeightMatrix& weights, MatrixView<float> out, bool add,
                   Int8Scratch& scratch);

/// out <- silu(x G^T + g) * (x U^T + u); both of block types.   out: [x.tokens, G.rows]
void multiply_gated_int8(const Int8Tokens& x, const GatedWeights& weights, MatrixView<float> out, Int8Scratch& scratch);

}  // namespace gemring
