// bf16 attention by dot products of pairs: the recurrence of attention_rows.inl, piece by piece.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "engine/kernels/kernel_table.h"

namespace gemring {
namespace {

constexpr std::size_t kRowsAtOnce = 6;  // 6 x 4 sums, 4 vectors of K or V and a broadcast pair fill 32 registers
constexpr std::size_t kPanelRows = 4 * kRowsAtOnce;  // what they need stays in L1 while K and V come from L2

}  // namespace
}  // namespace gemring

#include "engine/kernels/avx512bf16/attention_weights.inl"
//
#include "engine/kernels/avx512bf16/transpose.inl"
//
#include "engine/kernels/avx512bf16/attention_pack.inl"
//
#include "engine/kernels/round_up.inl"
//
#include "engine/kernels/avx512bf16/attention_memory.inl"
//
#include "engine/kernels/avx512bf16/attention_rows.inl"
//
#include "engine/kernels/avx512bf16/dot_tile.inl"

namespace gemring {
namespace {

constexpr int kPairs = 2;  // a block of 64 keys: as many as the register tile takes at once

/// S of the first `rows` rows, a multiple of kRowsAtOnce.
template <int depth>
void make_scores(const Piece& piece, std::size_t rows) {
  constexpr std::size_t kColumns = 2 * kPairs;
  for (std::size_t row = 0; row < rows; row += kRowsAtOnce) {
    DotTile<kRowsAtOnce, kColumns> tile;
    tile.clear();
    tile.multiply(piece.q + row * 32, kColumnWords, piece.k, depth * kTileWords, kTileWords, depth);
    tile.store(piece.s + row * 16, kColumnFloats);
  }
}

/// Returns the largest weights.
template <bool biased>
__m512i weigh(const Piece& piece, std::size_t rows) {
  const Exponential exponential;
  __m512i highest = _mm512_setzero_si512();
  for (std::size_t row = 0; row < rows; ++row) {
#pragma GCC unroll 2
    for (std::size_t pair = 0; pair < kPairs; ++pair) weigh_row<biased>(piece, pair, row, exponential, highest);
  }
  return highest;
}

/// O += p V and l += p 1 of the first `rows` rows.
template <int depth>
void add_values(const Piece& piece, std::size_t rows) {
  constexpr std::size_t kColumns = depth == 1 ? 2 : depth == 3 ? 3 : 4;  // divide 2 depth
  for (std::size_t column = 0; column < 2 * depth; column += kColumns) {
    for (std::size_t row = 0; row < rows; row += kRowsAtOnce) {
      float* o = piece.o + column * kColumnFloats + row * 16;
      DotTile<kRowsAtOnce, kColumns> tile;
      tile.load(o, kColumnFloats);
      tile.multiply(piece.p + row * 32, kColumnWords, piece.v + column * kTileWords, kTileWords, 2 * depth * kTileWords,
                    kPairs);
      tile.store(o, kColumnFloats);
    }
  }
  const auto ones = (__m512bh)_mm512_set1_epi16(0x3f80);
  for (std::size_t row = 0; row < rows; ++row) {
    float* lanes = piece.o + 2 * depth * kColumnFloats + row * 16;
    __m512 sum = _mm512_load_ps(lanes);
    for (std::size_t pair = 0; pair < kPairs; ++pair)
      sum = _mm512_dpbf16_ps(sum, (__m512bh)_mm512_load_si512(piece.p + pair * kColumnWords + row * 32), ones);
    _mm512_store_ps(lanes, sum);
  }
}

template <int depth>
void attend_piece(const TileRows<depth, kPairs>& tile, const Piece& piece, Panel& panel, std::size_t begin,
                  std::size_t rows) {
  make_scores<depth>(piece, rows);
  tile.mask(panel, begin, piece.s);
  const __m512i highest = panel.biased ? weigh<true>(piece, rows) : weigh<false>(piece, rows);
  if (tile.needs_raise(panel, highest)) tile.raise(piece, panel);
  add_values<depth>(piece, rows);
}

template <int depth>
void run_tile(const AttentionTile& tile, float* scratch) {
  const NoSubnormals mode;
  TileRows<depth, kPairs> rows(tile, scratch);
  const Memory& memory = rows.memory();
  rows.run([&](std::size_t chunk, std::size_t blocks) {
    for (std::size_t panel = 0; panel < memory.panels; ++panel) {
      const std::size_t left = round_up(rows.rows() - panel * kPanelRows, kRowsAtOnce);
      const std::size_t of_panel = left < kPanelRows ? left : kPanelRows;
      for (std::size_t block = 0; block < blocks; ++block) {
        const std::size_t begin = chunk + block * rows.kBlock;
        if (rows.sees(memory.panel[panel], begin))
          attend_piece<depth>(rows, rows.piece(panel, block), memory.panel[panel], begin, of_panel);
      }
    }
  });
}

std::size_t own_floats(std::size_t /*depth*/) {
  return 0;
}

}  // namespace
}  // namespace gemring

#include "engine/kernels/avx512bf16/attention_entries.inl"

namespace gemring {

extern void use_avx512bf16_attention(KernelTable& table);
void use_avx512bf16_attention(KernelTable& table) {
  use_attention(table);
}

}  // namespace gemring
