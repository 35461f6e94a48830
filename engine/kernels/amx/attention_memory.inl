// What a thread's scratch holds while a tile of attention is computed, and the state of its rows between two calls.

namespace gemring {
namespace {

constexpr std::size_t kChunk = 1024;  // keys packed at a time: with heads of 128, 512 KB of K and V stay in L2

constexpr std::size_t round_up(std::size_t x, std::size_t unit) {
  return (x + unit - 1) / unit * unit;
}

/// 32 rows: what they see and what their weights refer to.
struct Panel {
  float bias[kPanelRows];     // -m, whole numbers
  bool settled[kPanelRows];   // m is final but for larger scores; false only while careful
  KeyRange seen[kPanelRows];  // empty behind the tile's last row
  KeyRange first, last;       // of the panel's first and last row
  bool all_settled;
  bool biased;  // any bias is not 0
};

struct Memory {
  std::size_t panels, depth, columns;
  float* s;        // scores of a piece
  float* s_again;  // of a piece whose references change
  Word* p[2];      // weights of two pieces
  Word* k;         // keys of a chunk
  Word* v;
  Word* ones;
  float* idle;   // outputs and bias of the pieces before the first and behind the last
  Word* q;       // [panels, depth, 2] tiles
  float* o;      // [panels, columns, 2] tiles
  Panel* panel;  // [panels]

  static constexpr std::size_t kPieceScores = 128 * kPanelRows;

  static std::size_t floats(std::size_t rows, std::size_t depth) {
    const std::size_t panels = round_up(rows, kPanelRows) / kPanelRows;
    const std::size_t columns = 2 * depth + 1;
    return 16 + 3 * kPieceScores + kChunk * depth * 32 + kTileFloats + (2 * columns + 1) * kTileFloats +
           panels * (depth + 2 * columns) * kTileFloats + panels * depth * kTileFloats +
           panels * (round_up(sizeof(Panel), 64) / 4);
  }

  Memory(float* scratch, std::size_t rows, std::size_t depth_of_tiles)
      : panels(round_up(rows, kPanelRows) / kPanelRows), depth(depth_of_tiles), columns(2 * depth + 1) {
    const auto address = reinterpret_cast<std::uintptr_t>(scratch);
    float* at = scratch + (round_up(address, 64) - address) / 4;
    const auto take = [&](std::size_t count) {
      float* begin = at;
      at += count;
      return begin;
    };
    const auto take_words = [&](std::size_t count) { return reinterpret_cast<Word*>(take(count / 2)); };
    s = take(kPieceScores);
    s_again = take(kPieceScores);
    for (Word*& weights : p) weights = take_words(kPieceScores);
    k = take_words(kChunk * depth * 32);
    v = take_words(kChunk * depth * 32);
    ones = take_words(kTileWords);
    idle = take((2 * columns + 1) * kTileFloats);
    q = take_words(panels * depth * 2 * kTileWords);
    o = take(panels * columns * 2 * kTileFloats);
    panel = reinterpret_cast<Panel*>(at);
    for (std::size_t i = 0; i < kTileWords; ++i) ones[i] = 0x3f80;
    for (std::size_t i = 0; i < (2 * columns + 1) * kTileFloats; ++i) idle[i] = 0;
    for (std::size_t i = 0; i < kPieceScores; ++i) s[i] = 0;
  }

  /// The first of a row's outputs; 16 lie side by side, the next 16 two tiles behind.
  float* outputs(std::size_t row) const {
    return o + (row / kPanelRows * columns * 2 + row / 16 % 2) * kTileFloats + row % 16 * 16;
  }
  float& output(std::size_t row, std::size_t dim) const { return outputs(row)[dim / 16 * 2 * kTileFloats + dim % 16]; }
  float& sum(std::size_t row) const { return output(row, (columns - 1) * 16); }
};

/// 2^x for x in (-1, 0], to f32's precision: Taylor's series to the 11th power.
float exp2_of(float x) {
  const double y = static_cast<double>(x) * 0.69314718055994531;
  double sum = 1;
  for (int n = 11; n > 0; --n) sum = 1 + sum * y / n;
  return static_cast<float>(sum);
}

/// x rounded up to a whole number.
float whole_above(float x) {
  return _mm_cvtss_f32(_mm_roundscale_ss(_mm_setzero_ps(), _mm_set_ss(x), 0x0a));
}

/// 2^x for whole x; 0 below the smallest float.
float power_of_two(float x) {
  return _mm_cvtss_f32(_mm_scalef_ss(_mm_set_ss(1), _mm_set_ss(x)));
}

}  // namespace
}  // namespace gemring
