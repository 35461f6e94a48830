// One step of the pipeline: while the vector units turn the scores of one piece of work into weights, the tile unit
// multiplies the values of the piece before and the scores of the piece behind. The two kinds of instruction are laid
// out in turns, closely enough for the processor's out-of-order window to run them at the same time.
//
// A column of a piece (avx512bf16/attention_weights.inl) is two tiles of rows. Both products take these two by two
// tiles of keys or output dimensions at a time, so that a tile that is loaded serves two products. K and V come from
// L2, past L1, which holds the rest (head_dim 128: 42 instead of 32 % of the limit):
//   S = Q K^T                 2 x 2 kPairs score tiles, sums over `depth` products each
//   O += p [V | 1]            2 depth tiles of 16 output dimensions and one whose first column is l

namespace gemring {
namespace {

constexpr std::size_t kTileFloats = kTileBytes / 4;
static_assert(kTileWords * 2 == kTileBytes && kPanelRows == 2 * kTileLines);

/// Pairs of score tiles in a piece, each of 32 keys: outputs are read and written once a piece, but what a piece uses
/// more than once has to stay in 48 KB of L1. Shares of the products' limit with 2, 3, 4: heads of 64 reach 37, 37.5,
/// 38 %, heads of 128 42, 41.5, 39 %.
template <int depth>
constexpr int kPairs = depth <= 2 ? 4 : 2;

/// Rows of weights in a piece.
template <int depth>
constexpr int kRows = kPairs<depth>* static_cast<int>(kPanelRows);

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

/// Product `step` of all of a piece: those of the values first.
template <int depth, int step>
[[gnu::always_inline]] inline void multiply_step([[maybe_unused]] const Piece& before,
                                                 [[maybe_unused]] const Piece& next,
                                                 [[maybe_unused]] const Word* ones) {
  constexpr int values = kPairs<depth> * (4 * depth + 2);
  if constexpr (step < values)
    multiply_values<depth, step>(before, ones);
  else
    multiply_scores<depth, step - values>(before, next);
}

// Sequences, not recursions: the compiler would copy a step once for each one before it, a minute's work.

template <int depth, int begin, int... steps>
[[gnu::always_inline]] inline void multiply_steps([[maybe_unused]] const Piece& before,
                                                  [[maybe_unused]] const Piece& next, [[maybe_unused]] const Word* ones,
                                                  std::integer_sequence<int, steps...>) {
  (multiply_step<depth, begin + steps>(before, next, ones), ...);
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
  constexpr int values = kPairs<depth> * (4 * depth + 2);
  constexpr int scores = kPairs<depth> * 4 * depth;
  multiply_steps<depth, values>(before, piece, nullptr, std::make_integer_sequence<int, scores>());
  store_last<depth>(piece);
}

/// The products that go beside row `row` of the piece's weights, and this row.
template <int depth, bool biased, int row>
[[gnu::always_inline]] inline void run_row(const Piece& before, const Piece& now, const Piece& next, const Word* ones,
                                           const Exponential& exponential, __m512i& highest) {
  constexpr int steps = kPairs<depth> * (8 * depth + 2);
  constexpr int begin = steps * row / kRows<depth>;
  constexpr int end = steps * (row + 1) / kRows<depth>;
  multiply_steps<depth, begin>(before, next, ones, std::make_integer_sequence<int, end - begin>());
  weigh_row<biased>(now, row / kPanelRows, row % kPanelRows, exponential, highest);
}

template <int depth, bool biased, int... rows>
[[gnu::always_inline]] inline void run_rows(const Piece& before, const Piece& now, const Piece& next, const Word* ones,
                                            const Exponential& exponential, __m512i& highest,
                                            std::integer_sequence<int, rows...>) {
  (run_row<depth, biased, rows>(before, now, next, ones, exponential, highest), ...);
  store_last<depth>(next);
}

}  // namespace
}  // namespace gemring
