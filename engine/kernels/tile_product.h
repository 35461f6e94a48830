// Products of many tokens in bf16 with f32 sums, on tiles of 16 rows of weights, 16 tokens and 32 inputs: what AMX
// multiplies at once (Intel's architecture manual, TDPBF16PS), and a layout that vector instructions like as well.
//
//   tile of weights  [16 rows][32 inputs]              1 KiB; rows as they are stored
//   tile of tokens   [16 input pairs][16 tokens][2]    1 KiB; pairs of inputs side by side, as the instruction wants
//   them tile of sums     [16 rows][16 tokens]              f32
//
// Operands are packed tile by tile along the inputs; what is missing of the last tile is zero. Weights come in rows and
// need no transposition, which matters because each is converted anew in every product; tokens are packed once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/tensor/data_type.h"

namespace gemring {

inline constexpr std::size_t kTileSide = 16;         // rows, tokens
inline constexpr std::size_t kTileInputs = 32;       // inputs of a tile of weights or of tokens
inline constexpr std::size_t kTileElements = 512;    // bf16 of either operand
inline constexpr std::size_t kTileSums = 256;        // f32
inline constexpr std::size_t kTokenTilesAtOnce = 2;  // token tiles that a product takes at once

/// Tiles that cover `inputs`.
constexpr std::size_t input_tiles(std::size_t inputs) {
  return (inputs + kTileInputs - 1) / kTileInputs;
}

/// Sums of `row_tiles` (even) row tiles with two token tiles over `depth` input tiles.
struct TileProduct {
  const std::uint16_t* weights;  // first tile; tiles of a row tile lie one behind the other
  std::size_t weights_stride;    // elements from one row tile to the next
  const std::uint16_t* tokens;   // first tile of the first token tile
  std::size_t tokens_stride;     // elements from one token tile to the next
  std::size_t row_tiles;         // even
  std::size_t depth;             // input tiles
  float* sums;                   // [row_tiles / 2][2 row tiles][2 token tiles][16][16]
  bool first;                    // start from zero; else from what is in sums
};

/// Where the sums of row tile r and token tile t of a TileProduct are.
constexpr std::size_t sums_offset(std::size_t row_tile, std::size_t token_tile) {
  return (row_tile * kTokenTilesAtOnce + token_tile) * kTileSums;
}

/// One tile of sums that goes to memory.
struct TileOutput {
  const float* sums;   // [16][16]
  float* out;          // of the tile's first token and row
  std::size_t stride;  // elements from one token to the next
  std::size_t rows;    // that exist, 1..16
  std::size_t tokens;  // that exist, 1..16
  bool add;            // to what is there
};

/// Two tiles of sums of the same rows, of an MLP's gate and up, that become 16 inputs of the next product.
struct GatedTile {
  const float* gate;       // [16][16]
  const float* up;         // [16][16]
  const float* gate_bias;  // [16] or null
  const float* up_bias;    // [16] or null
  std::uint16_t* inputs;   // [8 input pairs][16 tokens][2]: half a tile of tokens
};

/// The entries of a kernel table for these products. All null below avx512bf16.
struct TileKernels {
  // 16 tokens at most, [tokens, inputs] with a stride, into input_tiles(inputs) tiles
  void (*pack_tokens)(const float* x, std::size_t stride, std::size_t tokens, std::size_t inputs, std::uint16_t* tiles);
  // Inputs of one row of weights, whole blocks, into its places in input_tiles(inputs) tiles; `tiles` is the row's
  // place in the first one. widened: [inputs] f32 of scratch
  void (*pack_weights)(DataType type, const void* stored, std::size_t inputs, float* widened, std::uint16_t* tiles);
  void (*multiply)(const TileProduct& product);
  void (*store)(const TileOutput& output);
  void (*store_gated)(const GatedTile& gated);  // silu(gate + its bias) x (up + its bias)
};

}  // namespace gemring
