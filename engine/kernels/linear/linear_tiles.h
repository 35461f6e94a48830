// bf16 matmul of many tokens on tiles (tile_product.h): packing, the loops over panels of weights, the threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/kernels/linear/row_strips.h"
#include "engine/kernels/linear/tile_product.h"
#include "engine/tensor/view.h"

namespace gemring {

/// Activations in tiles: [pairs of token tiles][input_tiles(inputs)][2 token tiles][16 input pairs][16 tokens][2].
struct TokenTiles {
  std::uint16_t* data = nullptr;
  std::size_t tokens = 0;
  std::size_t inputs = 0;

  /// The first tile of a token tile (in the second of the pair's every other one).
  std::uint16_t* token_tile(std::size_t index) const {
    return data + index / 2 * input_tiles(inputs) * kPairElements + index % 2 * kTileElements;
  }
  static std::size_t elements(std::size_t tokens, std::size_t inputs);
};

/// Per-thread scratch: a panel of weights in tiles, sums.
///     weights: [kDepth / 16][kPanelPairs][16][2] tiles
///     sums: [pairs of token tiles, or one where all inputs are taken at once][kPanelPairs] x 4 tiles
class TileScratch : public PanelScratch<std::uint16_t> {
 public:
  TileScratch() = default;
  /// For products of at most so many tokens and inputs by the threads of OpenMP.
  TileScratch(std::size_t tokens, std::size_t inputs);

  static std::size_t bytes(std::size_t tokens, std::size_t inputs, std::size_t threads);

  static constexpr std::size_t kPanelPairs = 8;  // pairs of row tiles of a panel
  static constexpr std::size_t kDepth = 64;      // input tiles of a panel: 1 MiB of weights, half of an L2
  static constexpr std::size_t kPanelElements = kPanelPairs * kDepth * kPairElements;

 private:
  static std::size_t sums_of_thread(std::size_t tokens, std::size_t inputs);  // f32
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
