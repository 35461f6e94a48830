// bf16 matmul on AMX tiles. See tile_product.h.
#include "engine/kernels/amx/tiles.h"
#include "engine/kernels/kernel_table.h"

namespace gemring {
namespace {

constexpr std::size_t kLineWords = 32;  // bf16 of a cache line
constexpr std::size_t kPairLines = kPairElements / kLineWords;

/// Fetches what the next product reads a few lines at a time, since the processor does not foresee it.
class FetchAhead {
 public:
  FetchAhead(const std::uint16_t* from, std::size_t row_pairs)
      : at_(from), lines_(from == nullptr ? 0 : (kPairLines + row_pairs - 1) / row_pairs) {}

  void step() {
    for (std::size_t i = 0; i < lines_; ++i, at_ += kLineWords) __builtin_prefetch(at_, 0, 2);
  }

 private:
  const std::uint16_t* at_;
  std::size_t lines_;  // a step: all of it in one step of every row pair
};

/// Two row tiles, two token tiles and their four tiles of sums fill the eight registers. Only the tokens are to stay in
/// L1.
inline void multiply_pair(const std::uint16_t* weights, const std::uint16_t* tokens, std::size_t depth, float* sums,
                          bool first, FetchAhead& ahead) {
  if (first) {
    zero_tile<0>();
    zero_tile<1>();
    zero_tile<2>();
    zero_tile<3>();
  } else {
    load_tile_once<0>(sums);
    load_tile_once<1>(sums + kTileSums);
    load_tile_once<2>(sums + 2 * kTileSums);
    load_tile_once<3>(sums + 3 * kTileSums);
  }
  for (std::size_t i = 0; i < depth; ++i, weights += kPairElements, tokens += kPairElements) {
    ahead.step();
    load_tile_once<4>(weights);
    load_tile<6>(tokens);
    multiply_bf16_tiles<0, 4, 6>();
    load_tile<7>(tokens + kTileElements);
    multiply_bf16_tiles<1, 4, 7>();
    load_tile_once<5>(weights + kTileElements);
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
  FetchAhead ahead(product.next_tokens, product.row_pairs);
  const std::uint16_t* weights = product.weights;
  for (std::size_t begin = 0; begin < product.depth; begin += kChunkTiles) {
    const std::size_t left = product.depth - begin;
    const std::size_t depth = left < kChunkTiles ? left : kChunkTiles;
    for (std::size_t pair = 0; pair < product.row_pairs; ++pair, weights += kChunkTiles * kPairElements) {
      multiply_pair(weights, product.tokens + begin * kPairElements, depth, product.sums + sums_offset(2 * pair, 0),
                    product.first && begin == 0, ahead);
    }
  }
}

}  // namespace

extern void use_amx_linear(KernelTable& table);
void use_amx_linear(KernelTable& table) {
  table.tiles.multiply = multiply;
}

}  // namespace gemring
