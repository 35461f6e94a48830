#include "engine/kernels/linear_tiles.h"

#include <omp.h>

#include <algorithm>

#include "engine/base/check.h"

namespace gemring {
namespace {

constexpr std::size_t tiles_of(std::size_t count) {
  return (count + kTileSide - 1) / kTileSide;
}

constexpr std::size_t even(std::size_t count) {
  return (count + 1) / 2 * 2;
}

/// 16 rows of a matrix, fewer at its end, none beyond it.
struct RowTile {
  const WeightMatrix* matrix;
  std::size_t first_row;

  std::size_t rows() const { return first_row < matrix->rows ? std::min(kTileSide, matrix->rows - first_row) : 0; }
};

/// Inputs [begin, begin + depth) tiles of a row tile into tiles.
void pack_row_tile(const RowTile& tile, std::size_t begin, std::size_t depth, float* widened, std::uint16_t* tiles) {
  const WeightMatrix& w = *tile.matrix;
  const std::size_t rows = tile.rows();
  const std::size_t first = begin * kTileInputs;
  const std::size_t inputs = std::min(depth * kTileInputs, w.cols - first);
  const auto* stored = static_cast<const std::byte*>(w.data) + row_bytes(w.type, first);
  const TileKernels& kernel = kernels().tiles;
  for (std::size_t r = 0; r < rows; ++r) {
    const std::byte* row = stored + (tile.first_row + r) * row_bytes(w.type, w.cols);
    kernel.pack_weights(w.type, row, inputs, widened, tiles + r * kTileInputs);
  }
  for (std::size_t r = rows; r < kTileSide; ++r) {
    for (std::size_t i = 0; i < depth; ++i) std::fill_n(tiles + i * kTileElements + r * kTileInputs, kTileInputs, 0);
  }
}

/// Row tiles per panel: at least two panels a thread, so that one that is held up does not hold up all.
std::size_t panel_tiles(std::size_t row_tiles) {
  const std::size_t half_share = row_tiles / (2 * static_cast<std::size_t>(omp_get_max_threads()));
  return std::clamp<std::size_t>(half_share / 2 * 2, 2, TileScratch::kPanelTiles);
}

/// Sums of all row tiles with all token tiles. row_tile(i) -> RowTile; consume(i, t, sums) gets row tiles i and i + 1
/// with token tiles t and t + 1 when all inputs are summed up.
template <class RowTileOf, class Consume>
void for_each_sum(const TokenTiles& x, std::size_t row_tiles, TileScratch& scratch, RowTileOf row_tile,
                  Consume consume) {
  const TileKernels& kernel = kernels().tiles;
  const std::size_t depth = input_tiles(x.inputs);
  const std::size_t token_tiles = even(tiles_of(x.tokens));
  const std::size_t step = panel_tiles(row_tiles);
  const std::size_t sums_of_pair = depth > TileScratch::kDepth ? sums_offset(TileScratch::kPanelTiles, 0) : 0;
#pragma omp parallel for schedule(dynamic)
  for (std::size_t first = 0; first < row_tiles; first += step) {
    const TileScratch::Thread memory = scratch.of_thread(omp_get_thread_num());
    const std::size_t count = std::min(step, even(row_tiles - first));
    for (std::size_t begin = 0; begin < depth; begin += TileScratch::kDepth) {
      const std::size_t part = std::min(TileScratch::kDepth, depth - begin);
      for (std::size_t i = 0; i < count; ++i) {
        pack_row_tile(row_tile(first + i), begin, part, memory.widened, memory.weights + i * part * kTileElements);
      }
      for (std::size_t t = 0; t < token_tiles; t += kTokenTilesAtOnce) {
        float* sums = memory.sums + t / kTokenTilesAtOnce * sums_of_pair;
        kernel.multiply({memory.weights, part * kTileElements, x.data + t * x.stride() + begin * kTileElements,
                         x.stride(), count, part, sums, begin == 0});
        if (begin + part < depth) continue;
        for (std::size_t i = 0; i < count; i += 2) consume(first + i, t, sums + sums_offset(i, 0));
      }
    }
  }
}

/// 16 biases from `first` on, zeros behind the last; null where there are none.
const float* bias_of(std::span<const float> bias, std::size_t first, float* padded) {
  if (bias.empty()) return nullptr;
  const std::size_t count = std::min(kTileSide, bias.size() - first);
  std::fill_n(std::copy_n(bias.data() + first, count, padded), kTileSide - count, 0.0f);
  return padded;
}

}  // namespace

std::size_t TokenTiles::elements(std::size_t tokens, std::size_t inputs) {
  return even(tiles_of(tokens)) * input_tiles(inputs) * kTileElements;
}

TileScratch::TileScratch(std::size_t tokens, std::size_t inputs) {
  const std::size_t pairs = input_tiles(inputs) > kDepth ? even(tiles_of(tokens)) / 2 : 1;
  sums_ = pairs * sums_offset(kPanelTiles, 0);
  const auto threads = static_cast<std::size_t>(omp_get_max_threads());
  weights_ = Buffer<std::uint16_t>(threads * kPanelTiles * kDepth * kTileElements);
  floats_ = Buffer<float>(threads * (sums_ + kDepth * kTileInputs));
}

TileScratch::Thread TileScratch::of_thread(int thread) {
  const auto index = static_cast<std::size_t>(thread);
  float* floats = floats_.data() + index * (sums_ + kDepth * kTileInputs);
  return {weights_.data() + index * kPanelTiles * kDepth * kTileElements, floats, floats + sums_};
}

TokenTiles pack_tiles(MatrixView<const float> x, std::uint16_t* tiles) {
  const TokenTiles packed{tiles, x.rows(), x.cols()};
  const std::size_t token_tiles = even(tiles_of(x.rows()));
#pragma omp parallel for schedule(static)
  for (std::size_t t = 0; t < token_tiles; ++t) {
    const std::size_t begin = std::min(t * kTileSide, x.rows());
    const std::size_t count = std::min(kTileSide, x.rows() - begin);
    kernels().tiles.pack_tokens(x.row(begin), x.stride(), count, x.cols(), tiles + t * packed.stride());
  }
  return packed;
}

void multiply_tiles(const TokenTiles& x, const WeightMatrix& weights, MatrixView<float> out, bool add,
                    TileScratch& scratch) {
  const auto row_tile = [&](std::size_t i) { return RowTile{&weights, i * kTileSide}; };
  for_each_sum(x, tiles_of(weights.rows), scratch, row_tile, [&](std::size_t i, std::size_t t, const float* sums) {
    for (std::size_t pair = 0; pair < 2 * kTokenTilesAtOnce; ++pair) {
      const std::size_t tile = i + pair / 2;
      const std::size_t token = (t + pair % 2) * kTileSide;
      const std::size_t rows = row_tile(tile).rows();
      if (rows == 0 || token >= x.tokens) continue;
      kernels().tiles.store({sums + pair * kTileSums, out.row(token) + tile * kTileSide, out.stride(), rows,
                             std::min(kTileSide, x.tokens - token), add});
    }
  });
}

TokenTiles multiply_gated_tiles(const TokenTiles& x, const GatedWeights& weights, std::uint16_t* result,
                                TileScratch& scratch) {
  const std::size_t outputs = weights.gate.rows;
  const TokenTiles gated{result, x.tokens, outputs};
  const auto row_tile = [&](std::size_t i) {  // in turns
    return RowTile{i % 2 == 0 ? &weights.gate : &weights.up, i / 2 * kTileSide};
  };
  for_each_sum(x, 2 * tiles_of(outputs), scratch, row_tile, [&](std::size_t i, std::size_t t, const float* sums) {
    const std::size_t tile = i / 2;
    float gate_bias[kTileSide];
    float up_bias[kTileSide];
    const float* g = bias_of(weights.gate_bias, tile * kTileSide, gate_bias);
    const float* u = bias_of(weights.up_bias, tile * kTileSide, up_bias);
    for (std::size_t u_tile = 0; u_tile < kTokenTilesAtOnce; ++u_tile) {
      std::uint16_t* to = result + (t + u_tile) * gated.stride() + tile * (kTileElements / 2);
      kernels().tiles.store_gated({sums + sums_offset(0, u_tile), sums + sums_offset(1, u_tile), g, u, to});
      // The last half tile of an odd number of them.
      if (tile + 1 == tiles_of(outputs) && tile % 2 == 0) std::fill_n(to + kTileElements / 2, kTileElements / 2, 0);
    }
  });
  return gated;
}

}  // namespace gemring
