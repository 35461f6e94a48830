// One step of the pipeline: while the vector units turn the scores of one piece of work into weights, the tile unit
// multiplies the values of the piece before and the scores of the piece behind. The two kinds of instruction are laid
// out in turns, closely enough for the processor's out-of-order window to run them at the same time.
//
// A piece is a panel of 32 rows against a block of 32 kPairs keys; both products take two tiles of rows by two tiles of
// keys or output dimensions at a time, so that a tile that is loaded serves two products. K and V come from L2, past
// L1, which holds the rest (head_dim 128: 42 instead of 32 % of the limit):
//   S = Q K^T                 2 x 2 kPairs score tiles, sums over `depth` products each
//   p = 2^(S - m)             rounded to bf16, two score tiles joined to one left factor
//   O += p [V | 1]            2 depth tiles of 16 output dimensions and one whose columns are all l, the sum of the
//                             rounded weights: what is normalised is what was added

namespace gemring {
namespace {

using Word = std::uint16_t;  // a bf16
constexpr std::size_t kTileWords = kTileBytes / 2;
constexpr std::size_t kTileFloats = kTileBytes / 4;

constexpr std::size_t kPanelRows = 32;

/// Pairs of score tiles in a piece, each of 32 keys: outputs are read and written once a piece, but what a piece uses
/// more than once has to stay in 48 KB of L1. Shares of the products' limit with 2, 3, 4: heads of 64 reach 37, 37.5,
/// 38 %, heads of 128 42, 41.5, 39 %.
template <int depth>
constexpr int kPairs = depth <= 2 ? 4 : 2;

/// Tiles of a piece of work; two of each, one for the first 16 rows of the panel and one for the others.
struct Piece {
  const Word* q;      // [depth, 2] tiles
  const Word* k;      // [2 kPairs, depth] tiles
  const Word* v;      // [kPairs, 2 depth] tiles
  float* s;           // [2 kPairs, 2] tiles
  Word* p;            // [kPairs, 2] tiles
  float* o;           // [2 depth + 1, 2] tiles
  const float* bias;  // [32]: -m
};

/// Where accumulator `tile` of four ends up: row tile `tile` % 2 of ...
inline float* score_tile(const Piece& piece, std::size_t pair, std::size_t tile) {  // ... key tile tile / 2 of a pair
  return piece.s + (4 * pair + tile) * kTileFloats;
}
inline float* output_tile(const Piece& piece, std::size_t column, std::size_t tile) {  // ... column + tile / 2
  return piece.o + (2 * column + tile) * kTileFloats;
}

// An accumulator is stored as late as possible, when its register is wanted again: a store that waits for a product
// takes the scheduler's entries that the vector units' instructions need (197 -> 143 cycles for 8 products). Loops run
// forwards and backwards in turns, so that what both ends need stays in its register.

/// Product `step` of the kPairs x 4 depth products that make the scores of a piece.
template <int depth, int step>
[[gnu::always_inline]] inline void multiply_scores(const Piece& before, const Piece& next) {
  constexpr std::size_t pair = step / (4 * depth);
  constexpr int turn = step / 4 % depth;
  constexpr std::size_t d = pair % 2 == 0 ? turn : depth - 1 - turn;
  constexpr int tile = step % 4;  // 0, 1: first key tile, both row tiles; 2, 3: second
  constexpr int half = tile % 2;
  constexpr std::size_t key_tile = 2 * pair + tile / 2;
  if constexpr (turn == 0 && pair > 0) store_tile<tile>(score_tile(next, pair - 1, tile));
  if constexpr (turn == 0 && pair == 0)
    store_tile<tile>(output_tile(before, tile < 2 ? 2 * depth : 2 * depth - 2, tile));
  if constexpr (turn == 0) zero_tile<tile>();
  if constexpr (half == 0) load_tile_once<6 + tile / 2>(next.k + (key_tile * depth + d) * kTileWords);
  if constexpr (tile < 2 && (turn > 0 || pair == 0)) load_tile<4 + half>(next.q + (d * 2 + half) * kTileWords);
  multiply_bf16_tiles<tile, 4 + half, 6 + tile / 2>();
}

/// Product `step` of the kPairs x (4 depth + 2) products that add the values of a piece: two columns of output tiles
/// over all keys, then the next two; the sums' column last.
template <int depth, int step>
[[gnu::always_inline]] inline void multiply_values(const Piece& before, const Word* ones) {
  constexpr int columns = step < 4 * depth * kPairs<depth> ? 2 : 1;
  constexpr std::size_t first = 2 * (step / (4 * kPairs<depth>));
  constexpr int in_group = step % (4 * kPairs<depth>);
  constexpr int turn = in_group / (2 * columns);
  constexpr std::size_t pair = first % 4 == 0 ? turn : kPairs<depth> - 1 - turn;
  constexpr int tile = in_group % (2 * columns);
  constexpr int half = tile % 2;
  constexpr std::size_t column = first + tile / 2;
  if constexpr (turn == 0 && first > 0) store_tile<tile>(output_tile(before, first - 2, tile));
  if constexpr (turn == 0) load_tile<tile>(output_tile(before, first, tile));
  if constexpr (half == 0 && columns == 2)
    load_tile_once<6 + tile / 2>(before.v + (pair * 2 * depth + column) * kTileWords);
  if constexpr (step == 4 * depth * kPairs<depth>) load_tile<6>(ones);
  if constexpr (tile < 2 && (turn > 0 || first == 0)) load_tile<4 + half>(before.p + (pair * 2 + half) * kTileWords);
  multiply_bf16_tiles<tile, 4 + half, 6 + tile / 2>();
}

struct Exponential {
  __m512 c0, c1, c2, c3;
  __m512i upper_half;

  Exponential() {
    // 2^f on [0, 1), relative error below 7.5e-5 (Remez), and half a unit of bf16 there, 2^-8: cutting off then rounds
    c0 = _mm512_set1_ps(0.99992522f + 0x1p-8f);
    c1 = _mm512_set1_ps(0.69583354f);
    c2 = _mm512_set1_ps(0.22606716f);
    c3 = _mm512_set1_ps(0.07802452f);
    upper_half = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  }

  /// 2^t; the upper half of each lane is the result in bf16
  [[gnu::always_inline]] __m512i operator()(__m512 t) const {
    const __m512 f = _mm512_reduce_ps(t, 0x09);  // t - floor(t); 0 of infinity
    const __m512 p = _mm512_fmadd_ps(_mm512_fmadd_ps(_mm512_fmadd_ps(c3, f, c2), f, c1), f, c0);
    return _mm512_castps_si512(_mm512_scalef_ps(p, t));  // p 2^floor(t)
  }
};

/// Row `row` of score tiles 2 pair and 2 pair + 1. Keeps the largest weights.
template <bool biased>
[[gnu::always_inline]] inline void weigh_row(const Piece& piece, std::size_t pair, std::size_t row,
                                             const Exponential& exponential, __m512i& highest) {
  const float* s = piece.s + (4 * pair + row / 16) * kTileFloats + row % 16 * 16;
  __m512 t0 = _mm512_load_ps(s);
  __m512 t1 = _mm512_load_ps(s + 2 * kTileFloats);
  asm("" : "+v"(t0), "+v"(t1));  // or each would be read twice from memory, whose ports the tiles need
  if constexpr (biased) {
    const __m512 bias = _mm512_set1_ps(piece.bias[row]);
    t0 = _mm512_add_ps(t0, bias);
    t1 = _mm512_add_ps(t1, bias);
  }
  const __m512i joined = _mm512_ternarylogic_epi32(exponential(t1), exponential.upper_half,
                                                   _mm512_srli_epi32(exponential(t0), 16), 0xea);  // a & b | c
  highest = _mm512_max_epu16(highest, joined);
  _mm512_store_si512(piece.p + (2 * pair + row / 16) * kTileWords + row % 16 * 32, joined);
}

template <int depth, int step, int end>
[[gnu::always_inline]] inline void multiply_steps(const Piece& before, const Piece& next, const Word* ones) {
  constexpr int values = kPairs<depth> * (4 * depth + 2);
  if constexpr (step < end) {
    if constexpr (step < values)
      multiply_values<depth, step>(before, ones);
    else
      multiply_scores<depth, step - values>(before, next);
    multiply_steps<depth, step + 1, end>(before, next, ones);
  }
}

/// The accumulators that the last products of scores leave behind.
template <int depth>
[[gnu::always_inline]] inline void store_last(const Piece& next) {
  store_tile<0>(score_tile(next, kPairs<depth> - 1, 0));
  store_tile<1>(score_tile(next, kPairs<depth> - 1, 1));
  store_tile<2>(score_tile(next, kPairs<depth> - 1, 2));
  store_tile<3>(score_tile(next, kPairs<depth> - 1, 3));
}

/// The scores of a piece, nothing beside them. The accumulators that no product of values has filled go to `idle`.
template <int depth>
void make_scores(const Piece& piece, float* idle) {
  Piece before = piece;
  before.o = idle;
  multiply_steps<depth, kPairs<depth>*(4 * depth + 2), kPairs<depth>*(8 * depth + 2)>(before, piece, nullptr);
  store_last<depth>(piece);
}

template <int depth, bool biased, int row = 0>
[[gnu::always_inline]] inline void run_rows(const Piece& before, const Piece& now, const Piece& next, const Word* ones,
                                            const Exponential& exponential, __m512i& highest) {
  constexpr int steps = kPairs<depth> * (8 * depth + 2);
  constexpr int rows = kPairs<depth> * static_cast<int>(kPanelRows);
  if constexpr (row < rows) {
    multiply_steps<depth, steps * row / rows, steps*(row + 1) / rows>(before, next, ones);
    weigh_row<biased>(now, row / kPanelRows, row % kPanelRows, exponential, highest);
    run_rows<depth, biased, row + 1>(before, now, next, ones, exponential, highest);
  } else {
    store_last<depth>(next);
  }
}

}  // namespace
}  // namespace gemring
