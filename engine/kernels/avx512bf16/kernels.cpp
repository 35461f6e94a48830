// What AVX-512 BF16 adds: products of many tokens in bf16 (tile_product.h). Compiled with its own flags
// (engine/kernels/CMakeLists.txt). Nothing inline of the standard library: see vector.inl.
#include <immintrin.h>

#include "engine/kernels/tile_product.h"
#define GEMRING_VECTOR_FLOATS 16
#include "engine/kernels/vector.inl"
//
#include "engine/kernels/activation.inl"
//
#include "engine/kernels/avx512bf16/pack.inl"
//
#include "engine/kernels/avx512bf16/store.inl"

namespace gemring {
namespace {

constexpr std::size_t kRowsAtOnce = 8;  // 8 x 2 sums, two vectors of tokens and a broadcast row fill 32 registers

/// Rows [first, first + 8) of a row tile with two token tiles.
void multiply_rows(const TileProduct& product, const std::uint16_t* weights, std::size_t first, float* sums) {
  __m512 sum[kRowsAtOnce][kTokenTilesAtOnce];
#pragma GCC unroll 8
  for (std::size_t row = 0; row < kRowsAtOnce; ++row) {
#pragma GCC unroll 2
    for (std::size_t t = 0; t < kTokenTilesAtOnce; ++t) {
      const float* from = sums + t * kTileSums + (first + row) * kTileSide;
      sum[row][t] = product.first ? _mm512_setzero_ps() : _mm512_loadu_ps(from);
    }
  }
  for (std::size_t pair = 0; pair < product.depth * kTileSide; ++pair) {
    const std::uint16_t* tokens = product.tokens + pair * kTileInputs;
    const auto x0 = (__m512bh)_mm512_loadu_si512(tokens);
    const auto x1 = (__m512bh)_mm512_loadu_si512(tokens + product.tokens_stride);
    const std::uint16_t* w = weights + pair / kTileSide * kTileElements + first * kTileInputs + pair % kTileSide * 2;
#pragma GCC unroll 8
    for (std::size_t row = 0; row < kRowsAtOnce; ++row) {
      int both;
      __builtin_memcpy(&both, w + row * kTileInputs, 4);
      const auto inputs = (__m512bh)_mm512_set1_epi32(both);
      sum[row][0] = _mm512_dpbf16_ps(sum[row][0], inputs, x0);
      sum[row][1] = _mm512_dpbf16_ps(sum[row][1], inputs, x1);
    }
  }
#pragma GCC unroll 8
  for (std::size_t row = 0; row < kRowsAtOnce; ++row) {
#pragma GCC unroll 2
    for (std::size_t t = 0; t < kTokenTilesAtOnce; ++t) {
      _mm512_storeu_ps(sums + t * kTileSums + (first + row) * kTileSide, sum[row][t]);
    }
  }
}

void multiply(const TileProduct& product) {
  for (std::size_t tile = 0; tile < product.row_tiles; ++tile) {
    const std::uint16_t* weights = product.weights + tile * product.weights_stride;
    for (std::size_t first = 0; first < kTileSide; first += kRowsAtOnce) {
      multiply_rows(product, weights, first, product.sums + sums_offset(tile, 0));
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
