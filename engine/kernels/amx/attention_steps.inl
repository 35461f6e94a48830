// One step of the pipeline: while the vector units turn the scores of one piece of work into weights, the tile unit
// multiplies the values of the piece before and the scores of the piece behind. The two kinds of instruction are laid
// out in turns, closely enough for the processor's out-of-order window to run them at the same time.
//
// A piece is a panel of 16 rows against a block of kKeyBlock keys:
//   S = Q K^T                 kKeyBlock / 16 score tiles, sums over `depth` products each
//   p = 2^(scale S - m)       rounded to bf16, two score tiles joined to one left factor
//   O += p [V | 1]            2 depth tiles of 16 output dimensions and one whose columns are all l, the sum of the
//                             rounded weights: what is normalised is what was added

namespace gemring {
namespace {

using Word = std::uint16_t;  // a bf16
constexpr std::size_t kTileWords = kTileBytes / 2;
constexpr std::size_t kTileFloats = kTileBytes / 4;

constexpr std::size_t kPanelRows = 16;
constexpr std::size_t kKeyBlock = GEMRING_KEY_BLOCK;
constexpr int kPairs = static_cast<int>(kKeyBlock / 32);  // of score tiles
constexpr int kMostColumns = 5;                           // output tiles in registers at the same time

/// Tiles of a piece of work. Sizes in elements; `columns` = 2 depth + 1.
struct Piece {
  const Word* q;      // [depth] tiles
  const Word* k;      // [kKeyBlock / 16, depth] tiles
  const Word* v;      // [kKeyBlock / 32, 2 depth] tiles
  float* s;           // [kKeyBlock / 16] tiles
  Word* p;            // [kKeyBlock / 32] tiles
  float* o;           // [columns] tiles
  const float* bias;  // [16]: -m
};

/// Where product number `index` of the pieces' kPairs x columns products of values stands. Columns are cut into groups
/// that fit into registers; a group runs over all keys before the next one.
struct ValueProduct {
  int first, size;  // the group's columns
  int column;       // within the group
  int pair;         // of score tiles

  constexpr ValueProduct(int index, int columns) : first(0), size(0), column(0), pair(0) {
    const int groups = (columns + kMostColumns - 1) / kMostColumns;
    for (int group = 0; group < groups; ++group) {
      size = columns / groups + (group < columns % groups ? 1 : 0);
      if (index < kPairs * size) break;
      index -= kPairs * size;
      first += size;
    }
    pair = index / size;
    column = index % size;
  }
};

constexpr int kLeft = 5, kRight = 6, kScores = 7;  // registers; below are the output tiles

/// Product `step` of turn `turn`: first the turn's two score tiles of `next`, then its share of the values of `before`.
template <int depth, int turn, int step>
[[gnu::always_inline]] inline void multiply_step(const Piece& before, const Piece& next, const Word* ones) {
  constexpr int columns = 2 * depth + 1;
  if constexpr (step < 2 * depth) {
    constexpr std::size_t tile = 2 * turn + step / depth;
    constexpr std::size_t d = step % depth;
    if constexpr (d == 0) zero_tile<kScores>();
    load_tile<kLeft>(next.q + d * kTileWords);
    load_tile<kRight>(next.k + (tile * depth + d) * kTileWords);
    multiply_bf16_tiles<kScores, kLeft, kRight>();
    if constexpr (d == depth - 1) store_tile<kScores>(next.s + tile * kTileFloats);
  } else {
    constexpr int in_turn = step - 2 * depth;
    constexpr ValueProduct at(turn * columns + in_turn, columns);
    constexpr std::size_t column = at.first + at.column;
    if constexpr (at.pair == 0) load_tile<at.column>(before.o + column * kTileFloats);
    if constexpr (at.column == 0 || in_turn == 0) load_tile<kLeft>(before.p + at.pair * kTileWords);
    load_tile<kRight>(column == columns - 1 ? ones : before.v + (at.pair * 2 * depth + column) * kTileWords);
    multiply_bf16_tiles<at.column, kLeft, kRight>();
    if constexpr (at.pair == kPairs - 1) store_tile<at.column>(before.o + column * kTileFloats);
  }
}

struct Exponential {
  __m512 scale;
  __m512 c0, c1, c2, c3;
  __m512i upper_half;

  explicit Exponential(float factor) {
    scale = _mm512_set1_ps(factor);
    // 2^f on [0, 1), relative error below 7.5e-5 (Remez), and half a unit of bf16 there, 2^-8: cutting off then rounds
    c0 = _mm512_set1_ps(0.99992522f + 0x1p-8f);
    c1 = _mm512_set1_ps(0.69583354f);
    c2 = _mm512_set1_ps(0.22606716f);
    c3 = _mm512_set1_ps(0.07802452f);
    upper_half = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  }

  /// 2^(scale s + bias) in the upper half of each lane
  [[gnu::always_inline]] __m512i operator()(const float* s, __m512 bias) const {
    const __m512 t = _mm512_fmadd_ps(_mm512_load_ps(s), scale, bias);
    const __m512 f = _mm512_reduce_ps(t, 0x09);  // t - floor(t); 0 of infinity
    const __m512 p = _mm512_fmadd_ps(_mm512_fmadd_ps(_mm512_fmadd_ps(c3, f, c2), f, c1), f, c0);
    return _mm512_castps_si512(_mm512_scalef_ps(p, t));  // p 2^floor(t)
  }
};

/// Row `row` of the two score tiles of turn `turn`. Keeps the largest weights.
template <int turn>
[[gnu::always_inline]] inline void weigh_row(const Piece& piece, std::size_t row, const Exponential& exponential,
                                             __m512i& highest) {
  const __m512 bias = _mm512_set1_ps(piece.bias[row]);
  const float* s = piece.s + 2 * turn * kTileFloats + row * 16;
  const __m512i first = exponential(s, bias);
  const __m512i second = exponential(s + kTileFloats, bias);
  const __m512i joined =
      _mm512_ternarylogic_epi32(second, exponential.upper_half, _mm512_srli_epi32(first, 16), 0xea);  // a & b | c
  highest = _mm512_max_epu16(highest, joined);
  _mm512_store_si512(piece.p + turn * kTileWords + row * 32, joined);
}

template <int depth, int turn, int row, int step = 0>
[[gnu::always_inline]] inline void multiply_beside(const Piece& before, const Piece& next, const Word* ones) {
  constexpr int steps = 4 * depth + 1;
  if constexpr (step < steps) {
    if constexpr (step * static_cast<int>(kPanelRows) / steps == row)
      multiply_step<depth, turn, step>(before, next, ones);
    multiply_beside<depth, turn, row, step + 1>(before, next, ones);
  }
}

template <int depth, int turn, int row = 0>
[[gnu::always_inline]] inline void run_turn(const Piece& before, const Piece& now, const Piece& next, const Word* ones,
                                            const Exponential& exponential, __m512i& highest) {
  if constexpr (row < static_cast<int>(kPanelRows)) {
    multiply_beside<depth, turn, row>(before, next, ones);
    weigh_row<turn>(now, row, exponential, highest);
    run_turn<depth, turn, row + 1>(before, now, next, ones, exponential, highest);
  }
}

template <int depth, int turn = 0>
[[gnu::always_inline]] inline void run_turns(const Piece& before, const Piece& now, const Piece& next, const Word* ones,
                                             const Exponential& exponential, __m512i& highest) {
  if constexpr (turn < kPairs) {
    run_turn<depth, turn>(before, now, next, ones, exponential, highest);
    run_turns<depth, turn + 1>(before, now, next, ones, exponential, highest);
  }
}

}  // namespace
}  // namespace gemring
