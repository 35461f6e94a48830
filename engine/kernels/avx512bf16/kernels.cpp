// What AVX-512 BF16 adds: products of many tokens in bf16 (tile_product.h). Compiled with its own flags
// (engine/kernels/CMakeLists.txt). Nothing inline of the standard library: see vector.inl.
#include <immintrin.h>

#include "engine/kernels/tile_product.h"
#define GEMRING_VECTOR_FLOATS 16
#include "engine/kernels/vector.inl"
//
#include "engine/kernels/activation.inl"
//
#include "engine/kernels/avx512bf16/transpose.inl"
//
#include "engine/kernels/avx512bf16/pack.inl"
//
#include "engine/kernels/avx512bf16/store.inl"

namespace gemring {
namespace {

constexpr std::size_t kRowsAtOnce = 8;  // 8 x 2 sums, two vectors of tokens and a broadcast row fill 32 registers

/// Eight rows with two token tiles. weights: of the first row, in the first of `depth` pairs of tiles; sums: of the
/// first row and token tile
void multiply_rows(const std::uint16_t* weights, const std::uint16_t* tokens, std::size_t depth, float* sums,
                   bool first) {
  __m512 sum[kRowsAtOnce][2];
#pragma GCC unroll 8
  for (std::size_t row = 0; row < kRowsAtOnce; ++row) {
    sum[row][0] = first ? _mm512_setzero_ps() : _mm512_loadu_ps(sums + row * kTileSide);
    sum[row][1] = first ? _mm512_setzero_ps() : _mm512_loadu_ps(sums + kTileSums + row * kTileSide);
  }
  for (std::size_t i = 0; i < depth; ++i, weights += kPairElements, tokens += kPairElements) {
    for (std::size_t pair = 0; pair < kTileInputs; pair += 2) {
      const auto x0 = (__m512bh)_mm512_loadu_si512(tokens + pair * kTileSide);
      const auto x1 = (__m512bh)_mm512_loadu_si512(tokens + kTileElements + pair * kTileSide);
#pragma GCC unroll 8
      for (std::size_t row = 0; row < kRowsAtOnce; ++row) {
        int both;
        __builtin_memcpy(&both, weights + row * kTileInputs + pair, 4);
        const auto inputs = (__m512bh)_mm512_set1_epi32(both);
        sum[row][0] = _mm512_dpbf16_ps(sum[row][0], inputs, x0);
        sum[row][1] = _mm512_dpbf16_ps(sum[row][1], inputs, x1);
      }
    }
  }
#pragma GCC unroll 8
  for (std::size_t row = 0; row < kRowsAtOnce; ++row) {
    _mm512_storeu_ps(sums + row * kTileSide, sum[row][0]);
    _mm512_storeu_ps(sums + kTileSums + row * kTileSide, sum[row][1]);
  }
}

void multiply(const TileProduct& product) {
  const std::uint16_t* weights = product.weights;
  for (std::size_t begin = 0; begin < product.depth; begin += kChunkTiles) {
    const std::size_t left = product.depth - begin;
    const std::size_t depth = left < kChunkTiles ? left : kChunkTiles;
    for (std::size_t tile = 0; tile < 2 * product.row_pairs; ++tile) {
      for (std::size_t row = 0; row < kTileSide; row += kRowsAtOnce) {
        multiply_rows(weights + row * kTileInputs, product.tokens + begin * kPairElements, depth,
                      product.sums + sums_offset(tile, 0) + row * kTileSide, product.first && begin == 0);
      }
      weights += tile % 2 == 0 ? kTileElements : kChunkTiles * kPairElements - kTileElements;
    }
  }
}

}  // namespace

extern void use_avx512bf16_probe(KernelTable& table);

extern void use_avx512bf16_kernels(KernelTable& table);
void use_avx512bf16_kernels(KernelTable& table) {
  use_avx512bf16_probe(table);
  table.tiles = {pack_tokens, pack_weights, multiply, store, store_gated};
}

}  // namespace gemring
