#include "engine/kernels/linear/linear_tiles.h"

#include <omp.h>

#include <algorithm>

#include "engine/base/rounding.h"
#include "engine/kernels/linear/panels.h"

namespace gemring {
namespace {

static_assert(kStripRows == kTileSide, "a strip of rows is a row tile");

constexpr std::size_t pairs_of(std::size_t count) {
  return ceil_div(count, 2);
}

/// Stored weights that are converted next; beyond the last ones it does nothing.
void fetch(const std::byte* stored, std::size_t bytes) {
  constexpr std::size_t kLineBytes = 64;
  for (std::size_t i = 0; i < bytes; i += kLineBytes) __builtin_prefetch(stored + i);
}

/// `inputs` inputs of a row tile from `first` on. Row by row, each fetched while the one before it is converted: memory
/// is read in order. tiles: the row tile's own in its first pair; chunks are `chunk_elements` apart
void pack_rows(const RowStrip& tile, std::size_t first, std::size_t inputs, std::uint16_t* tiles,
               std::size_t chunk_elements) {
  const WeightMatrix& w = *tile.matrix;
  const std::size_t rows = tile.rows();
  const std::size_t row = row_bytes(w.type, w.cols);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto* stored = static_cast<const std::byte*>(w.data) + (tile.first_row + r) * row + row_bytes(w.type, first);
    std::uint16_t* chunk = tiles + r * kTileInputs;
    for (std::size_t begin = 0; begin < inputs; begin += kChunkInputs, chunk += chunk_elements) {
      const std::size_t count = std::min(kChunkInputs, inputs - begin);
      const std::size_t bytes = row_bytes(w.type, count);
      fetch(stored + row, bytes);
      kernels().tiles.pack_weights(w.type, stored, count, chunk);
      stored += bytes;
    }
  }
  for (std::size_t i = 0; rows < kTileSide && i < input_tiles(inputs); ++i) {
    std::uint16_t* in_tile = tiles + i / kChunkTiles * chunk_elements + i % kChunkTiles * kPairElements;
    std::fill_n(in_tile + rows * kTileInputs, (kTileSide - rows) * kTileInputs, 0);
  }
}

/// Sums of all row tiles with all token tiles. row_tile(i) -> RowStrip; consume(p, t, sums) gets pair p of row tiles
/// with pair t of token tiles when all inputs are summed up.
template <class RowTileOf, class Consume>
void for_each_sum(const TokenTiles& x, std::size_t row_tiles, TileScratch& scratch, RowTileOf row_tile,
                  Consume consume) {
  const std::size_t depth = input_tiles(x.inputs);
  const std::size_t token_pairs = pairs_of(side_tiles(x.tokens));
  const std::size_t sums_of_pair = depth > TileScratch::kDepth ? sums_offset(2 * TileScratch::kPanelPairs, 0) : 0;
  for_each_panel(pairs_of(row_tiles), TileScratch::kPanelPairs, [&](std::size_t first, std::size_t count) {
    const TileScratch::Thread memory = scratch.of_thread(omp_get_thread_num());
    for (std::size_t begin = 0; begin < depth; begin += TileScratch::kDepth) {
      const std::size_t part = std::min(TileScratch::kDepth, depth - begin);
      const std::size_t inputs = std::min(part * kTileInputs, x.inputs - begin * kTileInputs);
      for (std::size_t i = 0; i < 2 * count; ++i) {
        std::uint16_t* tiles = memory.weights + i / 2 * kChunkTiles * kPairElements + i % 2 * kTileElements;
        pack_rows(row_tile(2 * first + i), begin * kTileInputs, inputs, tiles, count * kChunkTiles * kPairElements);
      }
      for (std::size_t t = 0; t < token_pairs; ++t) {
        float* sums = memory.sums + t * sums_of_pair;
        const std::uint16_t* tokens = x.token_tile(2 * t) + begin * kPairElements;
        const std::uint16_t* next = t + 1 < token_pairs ? tokens + depth * kPairElements : nullptr;
        kernels().tiles.multiply({memory.weights, tokens, count, part, sums, begin == 0, next});
        if (begin + part < depth) continue;
        for (std::size_t i = 0; i < count; ++i) consume(first + i, t, sums + sums_offset(2 * i, 0));
      }
    }
  });
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
  return pairs_of(side_tiles(tokens)) * input_tiles(inputs) * kPairElements;
}

std::size_t TileScratch::sums_of_thread(std::size_t tokens, std::size_t inputs) {
  const std::size_t pairs = input_tiles(inputs) > kDepth ? pairs_of(side_tiles(tokens)) : 1;
  return pairs * sums_offset(2 * kPanelPairs, 0);
}

std::size_t TileScratch::bytes(std::size_t tokens, std::size_t inputs, std::size_t threads) {
  return bytes_of(kPanelElements, sums_of_thread(tokens, inputs), threads);
}

TileScratch::TileScratch(std::size_t tokens, std::size_t inputs)
    : PanelScratch(kPanelElements, sums_of_thread(tokens, inputs)) {}

TokenTiles pack_tiles(MatrixView<const float> x, std::uint16_t* tiles) {
  const TokenTiles packed{tiles, x.rows(), x.cols()};
  const std::size_t token_tiles = 2 * pairs_of(side_tiles(x.rows()));
#pragma omp parallel for schedule(static)
  for (std::size_t t = 0; t < token_tiles; ++t) {
    const std::size_t begin = std::min(t * kTileSide, x.rows());
    const std::size_t count = std::min(kTileSide, x.rows() - begin);
    kernels().tiles.pack_tokens(x.row(begin), x.stride(), count, x.cols(), packed.token_tile(t));
  }
  return packed;
}

void multiply_tiles(const TokenTiles& x, const WeightMatrix& weights, MatrixView<float> out, bool add,
                    TileScratch& scratch) {
  const auto row_tile = in_order(weights);
  for_each_sum(x, side_tiles(weights.rows), scratch, row_tile, [&](std::size_t p, std::size_t t, const float* sums) {
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t tile = 2 * p + i / 2;
      const std::size_t token = (2 * t + i % 2) * kTileSide;
      const std::size_t rows = row_tile(tile).rows();
      if (rows == 0 || token >= x.tokens) continue;
      kernels().tiles.store({sums + i * kTileSums, out.row(token) + tile * kTileSide, out.stride(), rows,
                             std::min(kTileSide, x.tokens - token), add});
    }
  });
}

TokenTiles multiply_gated_tiles(const TokenTiles& x, const GatedWeights& weights, std::uint16_t* result,
                                TileScratch& scratch) {
  const std::size_t outputs = weights.gate.rows;
  const std::size_t tiles = side_tiles(outputs);
  const TokenTiles gated{result, x.tokens, outputs};
  for_each_sum(x, 2 * tiles, scratch, in_turns(weights), [&](std::size_t p, std::size_t t, const float* sums) {
    float padded_gate[kTileSide];
    float padded_up[kTileSide];
    const float* gate_bias = bias_of(weights.gate_bias, p * kTileSide, padded_gate);
    const float* up_bias = bias_of(weights.up_bias, p * kTileSide, padded_up);
    for (std::size_t i = 0; i < 2; ++i) {
      std::uint16_t* half = gated.token_tile(2 * t + i) + p / 2 * kPairElements + p % 2 * (kTileElements / 2);
      kernels().tiles.store_gated({sums + sums_offset(0, i), sums + sums_offset(1, i), gate_bias, up_bias, half});
      if (p + 1 == tiles && p % 2 == 0) std::fill_n(half + kTileElements / 2, kTileElements / 2, 0);  // no inputs there
    }
  });
  return gated;
}

}  // namespace gemring
