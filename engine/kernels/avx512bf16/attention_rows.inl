// The rows of a tile of bf16 attention, FlashAttention's recurrence with a lazy reference: all but the
// products, which differ from kernel to kernel. See attention_weights.inl on the including file.
//
// A weight is 2^(s - m) where m is a whole number: 0 as long as the row's scores s allow it, and raised where one is
// above m + kSlack. That is rare, and all else runs without looking for maxima. Moving m by whole numbers scales
// weights, outputs and sums by powers of two, without rounding. So a row's result depends on its query and on the keys
// it sees and their places in the shard; not on the tile it is in, nor on other rows, nor on m.

namespace gemring {
namespace {

constexpr float kSlack = 64;
constexpr Word kSlackWeight = 0x5f80;     // 2^kSlack
constexpr float kSmallestSum = 0x1p-60f;  // below it the row's scores are too far below m = 0

/// Subnormal numbers cost far more than they are worth: none is made, none is read, while this lives.
class NoSubnormals {
 public:
  NoSubnormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~NoSubnormals() { _mm_setcsr(before_); }
  NoSubnormals(const NoSubnormals&) = delete;
  NoSubnormals& operator=(const NoSubnormals&) = delete;

 private:
  unsigned before_;
};

/// The rows of one call against all its keys, in blocks of 32 `pairs`.
template <int depth, int pairs>
class TileRows {
 public:
  static constexpr std::size_t columns = 2 * depth + 1;
  static constexpr std::size_t kBlock = 32 * pairs;  // keys of a piece
  static constexpr std::size_t kBlockWords = kBlock * depth * 32;

  TileRows(const AttentionTile& tile, float* scratch)
      : tile_(tile),
        group_(tile.heads / tile.kv.kv_heads),
        rows_(tile.tokens * group_),
        memory_(scratch, rows_, depth) {}

  Memory& memory() { return memory_; }
  std::size_t rows() const { return rows_; }

  /// attend_chunk(first key, blocks) takes all panels through the keys that are packed in memory().
  template <class AttendChunk>
  void run(AttendChunk attend_chunk) {
    attend(false, attend_chunk);
    if (!sums_are_large_enough()) attend(true, attend_chunk);
    for (std::size_t row = 0; row < rows_; ++row) end_row(row);
  }

  Piece piece(std::size_t panel, std::size_t block) const {
    return {memory_.q + panel * depth * kColumnWords,
            memory_.k + block * kBlockWords,
            memory_.v + block * kBlockWords,
            memory_.s,
            memory_.p,
            memory_.o + panel * columns * kColumnFloats,
            memory_.panel[panel].bias};
  }

  static bool sees(const Panel& panel, std::size_t begin) {
    return static_cast<std::size_t>(panel.last.end) > begin &&
           static_cast<std::size_t>(panel.first.begin) < begin + kBlock;
  }

  /// Scores that a row does not see become minus infinity, of the keys from `first_key` on.
  void mask(const Panel& panel, std::size_t first_key, float* s) const {
    const auto begin = static_cast<std::int32_t>(first_key);
    const auto end = static_cast<std::int32_t>(first_key + kBlock);
    if (panel.first.end >= end && panel.last.begin <= begin) return;
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512 minus_infinity = _mm512_set1_ps(-__builtin_inff());
    for (std::size_t row = 0; row < kPanelRows; ++row) {
      const __m512i first = _mm512_set1_epi32(panel.seen[row].begin);
      const __m512i limit = _mm512_set1_epi32(panel.seen[row].end);
      for (std::size_t tile = 0; tile < kBlock / 16; ++tile) {
        const __m512i key = _mm512_add_epi32(lanes, _mm512_set1_epi32(begin + static_cast<std::int32_t>(tile * 16)));
        const __mmask16 hidden = _mm512_cmplt_epi32_mask(key, first) | _mm512_cmpge_epi32_mask(key, limit);
        _mm512_mask_store_ps(s + tile * kColumnFloats + row * 16, hidden, minus_infinity);
      }
    }
  }

  /// highest: of the weights, in 32 lanes; they are wrong where this says true
  static bool needs_raise(const Panel& panel, __m512i highest) {
    const __m512i limit = _mm512_set1_epi16(static_cast<short>(kSlackWeight));
    return _mm512_cmpgt_epu16_mask(highest, limit) != 0 || !panel.all_settled;
  }

  /// New references for the rows whose scores are too far above the old one, or which have none, and all weights again.
  void raise(const Piece& piece, Panel& panel) const {
    panel.all_settled = true;
    panel.biased = false;
    for (std::size_t row = 0; row < kPanelRows; ++row) {
      const float highest = largest_score(piece.s, row);
      const bool seen = highest > -__builtin_inff();
      if (panel.settled[row] ? highest > kSlack - panel.bias[row] : seen) move_reference(piece, panel, row, highest);
      panel.all_settled &= panel.settled[row];
      panel.biased |= panel.bias[row] != 0;
    }
    const Exponential exponential;
    __m512i unused = _mm512_setzero_si512();
    for (std::size_t row = 0; row < pairs * kPanelRows; ++row)
      weigh_row<true>(piece, row / kPanelRows, row % kPanelRows, exponential, unused);
  }

 private:
  std::size_t head_of(std::size_t row) const {
    return row / group_ * tile_.heads + tile_.kv_head * group_ + row % group_;
  }

  /// careful: a row's reference is its largest score in the first block that it sees, instead of 0.
  template <class AttendChunk>
  void attend(bool careful, AttendChunk& attend_chunk) {
    for (std::size_t panel = 0; panel < memory_.panels; ++panel) begin_panel(panel, careful);
    const auto end = static_cast<std::size_t>(tile_.seen[tile_.tokens - 1].end);
    for (auto begin = static_cast<std::size_t>(tile_.seen[0].begin) / kChunk * kChunk; begin < end; begin += kChunk) {
      const std::size_t blocks = ((end - begin < kChunk ? end - begin : kChunk) + kBlock - 1) / kBlock;
      pack_chunk(tile_, begin, blocks * kBlock / 16, depth, memory_.k, memory_.v);
      attend_chunk(begin, blocks);
    }
  }

  void begin_panel(std::size_t index, bool careful) {
    Panel& panel = memory_.panel[index];
    float* o = memory_.o + index * columns * kColumnFloats;
    Word* q = memory_.q + index * depth * kColumnWords;
    for (std::size_t i = 0; i < columns * kColumnFloats; ++i) o[i] = 0;
    for (std::size_t i = 0; i < depth * kColumnWords; ++i) q[i] = 0;
    panel.all_settled = true;
    panel.biased = false;
    panel.first = tile_.seen[index * kPanelRows / group_];
    for (std::size_t i = 0; i < kPanelRows; ++i) {
      const std::size_t row = index * kPanelRows + i;
      panel.bias[i] = 0;
      panel.settled[i] = true;
      panel.seen[i] = {0, 0};
      if (row >= rows_) continue;
      const std::size_t head = head_of(row);
      pack_query(tile_.queries + head * tile_.kv.head_dim, tile_.kv.head_dim, tile_.scale, i, q);
      panel.seen[i] = panel.last = tile_.seen[row / group_];
      if (has_state(row)) {
        panel.bias[i] = -read_state(row);
        panel.biased |= panel.bias[i] != 0;
      } else if (careful) {
        panel.settled[i] = panel.all_settled = false;
      }
    }
  }

  bool has_state(std::size_t row) const { return !tile_.first && tile_.maxima[head_of(row)] > kNothingSeen; }

  /// Takes over the outputs and the sum; returns the reference, which is a whole number here.
  float read_state(std::size_t row) const {
    const std::size_t head = head_of(row);
    const float m = whole_above(tile_.maxima[head]);
    const float factor = exp2_of_fraction(tile_.maxima[head] - m);
    const float* outputs = tile_.outputs + head * tile_.kv.head_dim;
    for (std::size_t d = 0; d < tile_.kv.head_dim; ++d) memory_.output(row, d) = outputs[d] * factor;
    memory_.sum_lanes(row)[0] = tile_.sums[head] * factor;
    return m;
  }

  bool sums_are_large_enough() const {
    for (std::size_t row = 0; row < rows_; ++row) {
      const KeyRange seen = tile_.seen[row / group_];
      if (seen.begin < seen.end && !has_state(row) && !(memory_.sum(row) >= kSmallestSum)) return false;
    }
    return true;
  }

  void end_row(std::size_t row) {
    const std::size_t head = head_of(row);
    const KeyRange seen = tile_.seen[row / group_];
    const bool empty = seen.begin >= seen.end && !has_state(row);
    const float sum = memory_.sum(row);
    const float factor = tile_.last ? 1.0f / sum : 1.0f;
    float* outputs = tile_.outputs + head * tile_.kv.head_dim;
    for (std::size_t d = 0; d < tile_.kv.head_dim; ++d) outputs[d] = memory_.output(row, d) * factor;
    tile_.maxima[head] = empty ? kNothingSeen : -memory_.panel[row / kPanelRows].bias[row % kPanelRows];
    tile_.sums[head] = sum;
  }

  static float largest_score(const float* s, std::size_t row) {
    __m512 highest = _mm512_set1_ps(-__builtin_inff());
    for (std::size_t tile = 0; tile < kBlock / 16; ++tile) {
      highest = _mm512_max_ps(highest, _mm512_load_ps(s + tile * kColumnFloats + row * 16));
    }
    return _mm512_reduce_max_ps(highest);
  }

  static void move_reference(const Piece& piece, Panel& panel, std::size_t row, float highest) {
    const float m = whole_above(highest);
    const float factor = panel.settled[row] ? power_of_two(-panel.bias[row] - m) : 0;  // or 0 times infinity
    for (std::size_t column = 0; column < columns; ++column) {
      float* o = piece.o + column * kColumnFloats + row * 16;
      for (std::size_t i = 0; i < 16; ++i) o[i] *= factor;
    }
    panel.bias[row] = -m;
    panel.settled[row] = true;
  }

  const AttentionTile& tile_;
  std::size_t group_;
  std::size_t rows_;
  Memory memory_;
};

}  // namespace
}  // namespace gemring
