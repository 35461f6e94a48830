// What a thread's scratch holds while a tile of attention is computed, and the state of its rows between two calls.

namespace gemring {
namespace {

constexpr std::size_t kChunk = 1024;  // keys packed at a time: with heads of 128, 512 KB of K and V stay in L2

/// kPanelRows rows: what they see and what their weights refer to.
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
  float* s;  // scores of a piece
  Word* p;   // weights of a piece
  Word* k;   // keys of a chunk
  Word* v;
  Word* q;       // [panels, depth] columns
  float* o;      // [panels, columns] columns
  Panel* panel;  // [panels]
  float* rest;   // what the kernel has of its own

  static constexpr std::size_t kPieceScores = 128 * kPanelRows;  // at most

  /// Without the kernel's own.
  static std::size_t floats(std::size_t rows, std::size_t depth) {
    const std::size_t panels = round_up(rows, kPanelRows) / kPanelRows;
    return 16 + kPieceScores + kPieceScores / 2 + kChunk * depth * 32 + panels * depth * kColumnWords / 2 +
           panels * (2 * depth + 1) * kColumnFloats + panels * kPanelBytes / 4;
  }

  Memory(float* scratch, std::size_t rows, std::size_t depth_of_tiles)
      : panels(round_up(rows, kPanelRows) / kPanelRows), depth(depth_of_tiles), columns(2 * depth + 1) {
    const auto address = reinterpret_cast<std::uintptr_t>(scratch);
    rest = scratch + (round_up(address, 64) - address) / 4;
    s = take(kPieceScores);
    p = take_words(kPieceScores);
    k = take_words(kChunk * depth * 32);
    v = take_words(kChunk * depth * 32);
    q = take_words(panels * depth * kColumnWords);
    o = take(panels * columns * kColumnFloats);
    panel = reinterpret_cast<Panel*>(take(panels * kPanelBytes / 4));
    for (std::size_t i = 0; i < kPieceScores; ++i) s[i] = 0;
  }

  /// Of the rest, in units of 16.
  float* take(std::size_t count) {
    float* begin = rest;
    rest += count;
    return begin;
  }
  Word* take_words(std::size_t count) { return reinterpret_cast<Word*>(take(count / 2)); }

  /// The first of a row's outputs; 16 lie side by side, the next 16 a column behind.
  float* outputs(std::size_t row) const {
    return o + row / kPanelRows * columns * kColumnFloats + row % kPanelRows * 16;
  }
  float& output(std::size_t row, std::size_t dim) const { return outputs(row)[dim / 16 * kColumnFloats + dim % 16]; }
  float* sum_lanes(std::size_t row) const { return outputs(row) + (columns - 1) * kColumnFloats; }
  float sum(std::size_t row) const { return _mm512_reduce_add_ps(_mm512_load_ps(sum_lanes(row))); }

 private:
  static constexpr std::size_t kPanelBytes = round_up(sizeof(Panel), 64);
};

/// 2^x for x in (-1, 0], to f32's precision: Taylor's series to the 11th power.
float exp2_of_fraction(float x) {
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
