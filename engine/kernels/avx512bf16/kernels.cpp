// What AVX-512 BF16 adds: bf16 matmul of many tokens (tile_product.h). Compiled with its own flags
// (engine/kernels/CMakeLists.txt). Nothing inline of the standard library: see vector.inl.
#include <immintrin.h>

#include "engine/kernels/linear/tile_product.h"
#define GEMRING_VECTOR_FLOATS 16
#include "engine/kernels/vector.inl"
//
#include "engine/kernels/activation.inl"
//
#include "engine/kernels/avx512bf16/transpose.inl"
//
#include "engine/kernels/avx512bf16/dot_tile.inl"
//
#include "engine/kernels/avx512bf16/pack.inl"
//
#include "engine/kernels/avx512bf16/store.inl"

namespace gemring {
namespace {

// 8 x 2 sums: with 24, as many as the registers hold, a row tile of 16 would be cut unevenly, and it is no faster.
constexpr std::size_t kRowsAtOnce = 8;

void multiply(const TileProduct& product) {
  const std::uint16_t* weights = product.weights;
  for (std::size_t begin = 0; begin < product.depth; begin += kChunkTiles) {
    const std::size_t left = product.depth - begin;
    const std::size_t depth = left < kChunkTiles ? left : kChunkTiles;
    for (std::size_t tile = 0; tile < 2 * product.row_pairs; ++tile) {
      for (std::size_t row = 0; row < kTileSide; row += kRowsAtOnce) {
        float* target = product.sums + sums_offset(tile, 0) + row * kTileSide;
        DotTile<kRowsAtOnce, 2> sums;
        if (product.first && begin == 0)
          sums.clear();
        else
          sums.load(target, kTileSums);
        sums.multiply(weights + row * kTileInputs, kPairElements, product.tokens + begin * kPairElements, kTileElements,
                      kPairElements, depth);
        sums.store(target, kTileSums);
      }
      weights += tile % 2 == 0 ? kTileElements : kChunkTiles * kPairElements - kTileElements;
    }
  }
}

}  // namespace

extern void use_avx512bf16_attention(KernelTable& table);
extern void use_avx512bf16_probe(KernelTable& table);

extern void use_avx512bf16_kernels(KernelTable& table);
void use_avx512bf16_kernels(KernelTable& table) {
  use_avx512bf16_attention(table);
  use_avx512bf16_probe(table);
  table.tiles = {pack_tokens, pack_weights, multiply, store, store_gated};
}

}  // namespace gemring
