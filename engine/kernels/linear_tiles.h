// Products of many tokens on tiles of bf16 (tile_product.h): packing, the loops over panels of weights, the threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/kernels/kernel_table.h"
#include "engine/kernels/tile_product.h"
#include "engine/tensor/buffer.h"
#include "engine/tensor/view.h"

namespace gemring {

/// The matrices of a gated MLP's first half, of equal shape, and their biases (empty: none).
struct GatedWeights {
  WeightMatrix gate;
  WeightMatrix up;
  std::span<const float> gate_bias;
  std::span<const float> up_bias;
};

/// Activations in tiles: [token tiles, an even number][input_tiles(inputs)][16 input pairs][16 tokens][2].
struct TokenTiles {
  std::uint16_t* data = nullptr;
  std::size_t tokens = 0;
  std::size_t inputs = 0;

  /// Elements from one token tile to the next.
  std::size_t stride() const { return input_tiles(inputs) * kTileElements; }
  static std::size_t elements(std::size_t tokens, std::size_t inputs);
};

/// Per-thread scratch: a panel of weights in tiles, sums, one widened row.
class TileScratch {
 public:
  TileScratch() = default;
  /// For products of at most so many tokens and inputs.
  TileScratch(std::size_t tokens, std::size_t inputs);

  struct Thread {
    std::uint16_t* weights;  // [kPanelTiles, kDepth tiles]
    float* sums;             // [token tile pairs, or one where all inputs are taken at once][kPanelTiles, 2 tiles]
    float* widened;          // [kDepth * 32]
  };
  Thread of_thread(int thread);

  static constexpr std::size_t kPanelTiles = 16;  // row tiles of a panel; even
  static constexpr std::size_t kDepth = 64;       // input tiles of a panel: 1 MiB of weights, half of an L2

 private:
  std::size_t sums_ = 0;  // f32 of a thread
  Buffer<std::uint16_t> weights_;
  Buffer<float> floats_;
};

/// Threads of OpenMP share the token tiles.   x: [tokens, inputs]; tiles: TokenTiles::elements()
TokenTiles pack_tiles(MatrixView<const float> x, std::uint16_t* tiles);

/// out <- x W^T, or out + x W^T, with both operands in bf16.   out: [x.tokens, W.rows]
void multiply_tiles(const TokenTiles& x, const WeightMatrix& weights, MatrixView<float> out, bool add,
                    TileScratch& scratch);

/// silu(x G^T + g) * (x U^T + u), rounded to bf16.   result: TokenTiles::elements(x.tokens, G.rows)
TokenTiles multiply_gated_tiles(const TokenTiles& x, const GatedWeights& weights, std::uint16_t* result,
                                TileScratch& scratch);

}  // namespace gemring
