// bf16 matmul with f32 sums, many tokens, on tiles of 16 rows of weights, 16 tokens and 32 inputs: what AMX
// multiplies at once (Intel's architecture manual, TDPBF16PS), and a layout that vector instructions like as well.
//
//   tile of weights  [16 rows][32 inputs]              1 KiB; rows as they are stored
//   tile of tokens   [16 input pairs][16 tokens][2]    1 KiB; pairs of inputs side by side: the instruction's order
//   tile of sums     [16 rows][16 tokens]              f32
//
// Two tiles of rows and two of tokens are multiplied at a time; their tiles lie in the order in which they are read,
// because L2 is fastest in order (bench/README.md):
//
//   tokens   [pairs of token tiles][input tiles][2 token tiles]
//   weights  [chunks of 16 input tiles][pairs of row tiles][16 input tiles][2 row tiles]
//
// What is missing of the last tile is zero. Weights come in rows and need no transposition, which matters because each
// is converted anew in every product; tokens are packed once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/tensor/data_type.h"

namespace gemring {

inline constexpr std::size_t kTileSide = 16;                            // rows, tokens
inline constexpr std::size_t kTileInputs = 32;                          // inputs of a tile of weights or of tokens
inline constexpr std::size_t kTileElements = 512;                       // bf16 of either operand
inline constexpr std::size_t kTileSums = 256;                           // f32
inline constexpr std::size_t kPairElements = 2 * kTileElements;         // of two tiles side by side
inline constexpr std::size_t kChunkTiles = 16;                          // input tiles of a chunk: its tokens stay in L1
inline constexpr std::size_t kChunkInputs = kChunkTiles * kTileInputs;  // whole blocks of every type

/// Tiles that cover `count` rows or tokens. A pair's second tile may have none.
constexpr std::size_t side_tiles(std::size_t count) {
  return (count + kTileSide - 1) / kTileSide;
}

/// Tiles that cover `inputs`.
constexpr std::size_t input_tiles(std::size_t inputs) {
  return (inputs + kTileInputs - 1) / kTileInputs;
}

/// Sums of `row_pairs` pairs of row tiles with one pair of token tiles over `depth` input tiles.
struct TileProduct {
  const std::uint16_t* weights;  // [chunks][row_pairs][kChunkTiles][2] tiles
  const std::uint16_t* tokens;   // [depth][2] tiles
  std::size_t row_pairs;
  std::size_t depth;                 // input tiles
  float* sums;                       // [row_pairs][2 row tiles][2 token tiles][16][16]
  bool first;                        // start from zero; else from what is in sums
  const std::uint16_t* next_tokens;  // as many, of the product after this one: fetched into L2 on the way; or null
};

/// Where the sums of a row tile and a token tile (0 or 1) of a TileProduct are.
constexpr std::size_t sums_offset(std::size_t row_tile, std::size_t token_tile) {
  return (2 * row_tile + token_tile) * kTileSums;
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

/// The entries of a kernel table for bf16 matmul. All null below avx512bf16.
struct TileKernels {
  // 16 tokens at most, [tokens, inputs] with a stride, into one of the two tiles of input_tiles(inputs) pairs
  void (*pack_tokens)(const float* x, std::size_t stride, std::size_t tokens, std::size_t inputs, std::uint16_t* tiles);
  // At most kChunkInputs inputs of one row of weights, whole blocks, into its places in the tiles of a chunk; `tiles`
  // is the place in the first one
  void (*pack_weights)(DataType type, const void* stored, std::size_t inputs, std::uint16_t* tiles);
  void (*multiply)(const TileProduct& product);
  void (*store)(const TileOutput& output);
  void (*store_gated)(const GatedTile& gated);  // silu(gate + its bias) x (up + its bias)
};

}  // namespace gemring
