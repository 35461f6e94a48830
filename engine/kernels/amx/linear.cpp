#include "engine/kernels/amx/linear.h"

#include <immintrin.h>

#include "engine/kernels/amx/tiles.inl"

namespace gemring {
namespace {

// Two row tiles, two token tiles and their four tiles of sums fill the eight registers. Depth is cut so that what the
// token tiles hold of it stays in L1 while all rows pass by.
constexpr std::size_t kDepthAtOnce = 8;
constexpr int kBytes = 64;  // of a row of any tile

/// Two row tiles and two token tiles over `depth` input tiles.
inline void multiply_pair(const std::uint16_t* w0, const std::uint16_t* w1, const std::uint16_t* x0,
                          const std::uint16_t* x1, std::size_t depth, float* sums, bool first) {
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums, kBytes);
    _tile_loadd(1, sums + kTileSums, kBytes);
    _tile_loadd(2, sums + 2 * kTileSums, kBytes);
    _tile_loadd(3, sums + 3 * kTileSums, kBytes);
  }
  for (std::size_t i = 0; i < depth * kTileElements; i += kTileElements) {
    _tile_loadd(4, w0 + i, kBytes);
    _tile_loadd(6, x0 + i, kBytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, x1 + i, kBytes);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, w1 + i, kBytes);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, sums, kBytes);
  _tile_stored(1, sums + kTileSums, kBytes);
  _tile_stored(2, sums + 2 * kTileSums, kBytes);
  _tile_stored(3, sums + 3 * kTileSums, kBytes);
}

}  // namespace

void amx_multiply(const TileProduct& product) {
  const TileRegisters registers;
  for (std::size_t begin = 0; begin < product.depth; begin += kDepthAtOnce) {
    const std::size_t left = product.depth - begin;
    const std::size_t depth = left < kDepthAtOnce ? left : kDepthAtOnce;
    const std::uint16_t* x = product.tokens + begin * kTileElements;
    for (std::size_t tile = 0; tile < product.row_tiles; tile += 2) {
      const std::uint16_t* w = product.weights + tile * product.weights_stride + begin * kTileElements;
      multiply_pair(w, w + product.weights_stride, x, x + product.tokens_stride, depth,
                    product.sums + sums_offset(tile, 0), product.first && begin == 0);
    }
  }
}

}  // namespace gemring
