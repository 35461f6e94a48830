// Products of many tokens on AMX tiles. See tile_product.h.
#include "engine/kernels/amx/tiles.h"
#include "engine/kernels/kernel_table.h"

namespace gemring {
namespace {

// Two row tiles, two token tiles and their four tiles of sums fill the eight registers. Depth is cut so that what the
// token tiles hold of it stays in L1 while all rows pass by.
constexpr std::size_t kDepthAtOnce = 8;

/// Two row tiles and two token tiles over `depth` input tiles.
inline void multiply_pair(const std::uint16_t* w0, const std::uint16_t* w1, const std::uint16_t* x0,
                          const std::uint16_t* x1, std::size_t depth, float* sums, bool first) {
  if (first) {
    zero_tile<0>();
    zero_tile<1>();
    zero_tile<2>();
    zero_tile<3>();
  } else {
    load_tile<0>(sums);
    load_tile<1>(sums + kTileSums);
    load_tile<2>(sums + 2 * kTileSums);
    load_tile<3>(sums + 3 * kTileSums);
  }
  for (std::size_t i = 0; i < depth * kTileElements; i += kTileElements) {
    load_tile<4>(w0 + i);
    load_tile<6>(x0 + i);
    multiply_bf16_tiles<0, 4, 6>();
    load_tile<7>(x1 + i);
    multiply_bf16_tiles<1, 4, 7>();
    load_tile<5>(w1 + i);
    multiply_bf16_tiles<2, 5, 6>();
    multiply_bf16_tiles<3, 5, 7>();
  }
  store_tile<0>(sums);
  store_tile<1>(sums + kTileSums);
  store_tile<2>(sums + 2 * kTileSums);
  store_tile<3>(sums + 3 * kTileSums);
}

void multiply(const TileProduct& product) {
  const TilesInUse tiles;
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

}  // namespace

extern void use_amx_linear(KernelTable& table);
void use_amx_linear(KernelTable& table) {
  table.tiles.multiply = multiply;
}

}  // namespace gemring
