// Attention on the tiles of AMX: products of bf16 in f32, FlashAttention's recurrence with a lazy reference.
//
// A weight is 2^(s - m) where m is a whole number: 0 as long as the row's scores s allow it, and raised where one is
// above m + kSlack. That is rare, and all else runs without looking for maxima. Moving m by whole numbers scales
// weights, outputs and sums by powers of two, without rounding. So a row's result depends on its query and on the keys
// it sees and their places in the shard; not on the tile it is in, nor on other rows, nor on m.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "engine/kernels/amx/tiles.h"
#include "engine/kernels/kernel_table.h"
//
#include "engine/kernels/amx/attention_steps.inl"
//
#include "engine/kernels/avx512bf16/transpose.inl"
//
#include "engine/kernels/amx/attention_pack.inl"
//
#include "engine/kernels/amx/attention_memory.inl"

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

/// One tile of a call, against all its keys.
template <int depth>
class TileAttention {
 public:
  static constexpr std::size_t columns = 2 * depth + 1;
  static constexpr std::size_t kBlock = 32 * kPairs<depth>;  // keys of a piece
  static constexpr std::size_t kBlockWords = kBlock * depth * 32;

  TileAttention(const AttentionTile& tile, float* scratch)
      : tile_(tile),
        group_(tile.heads / tile.kv.kv_heads),
        rows_(tile.tokens * group_),
        memory_(scratch, rows_, depth) {}

  void run() {
    attend(false);
    if (!sums_are_large_enough()) attend(true);
    for (std::size_t row = 0; row < rows_; ++row) end_row(row);
  }

 private:
  /// A piece of work on its way through the pipeline.
  struct Task {
    Piece piece;
    Panel* panel = nullptr;  // null: none
    std::size_t begin = 0;   // first key
  };

  std::size_t head_of(std::size_t row) const {
    return row / group_ * tile_.heads + tile_.kv_head * group_ + row % group_;
  }

  /// careful: a row's reference is its largest score in the first block that it sees, instead of 0.
  void attend(bool careful) {
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
    float* o = memory_.o + index * columns * 2 * kTileFloats;
    Word* q = memory_.q + index * depth * 2 * kTileWords;
    for (std::size_t i = 0; i < columns * 2 * kTileFloats; ++i) o[i] = 0;
    for (std::size_t i = 0; i < depth * 2 * kTileWords; ++i) q[i] = 0;
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
  float read_state(std::size_t row) {
    const std::size_t head = head_of(row);
    const float m = whole_above(tile_.maxima[head]);
    const float factor = exp2_of(tile_.maxima[head] - m);
    const float* outputs = tile_.outputs + head * tile_.kv.head_dim;
    for (std::size_t d = 0; d < tile_.kv.head_dim; ++d) memory_.output(row, d) = outputs[d] * factor;
    for (std::size_t i = 0; i < 16; ++i) (&memory_.sum(row))[i] = tile_.sums[head] * factor;
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
    const float factor = tile_.last ? 1.0f / memory_.sum(row) : 1.0f;
    float* outputs = tile_.outputs + head * tile_.kv.head_dim;
    for (std::size_t d = 0; d < tile_.kv.head_dim; ++d) outputs[d] = memory_.output(row, d) * factor;
    tile_.maxima[head] = empty ? kNothingSeen : -memory_.panel[row / kPanelRows].bias[row % kPanelRows];
    tile_.sums[head] = memory_.sum(row);
  }

  Task idle(std::size_t number) const {
    return {{memory_.q, memory_.k, memory_.v, memory_.s, memory_.p[number % 2], memory_.idle,
             memory_.idle + columns * 2 * kTileFloats}};
  }

  Task task(std::size_t number, std::size_t panel, std::size_t block, std::size_t begin) const {
    return {
        {memory_.q + panel * depth * 2 * kTileWords, memory_.k + block * kBlockWords, memory_.v + block * kBlockWords,
         memory_.s, memory_.p[number % 2], memory_.o + panel * columns * 2 * kTileFloats, memory_.panel[panel].bias},
        &memory_.panel[panel],
        begin};
  }

  static bool sees(const Panel& panel, std::size_t begin) {
    return static_cast<std::size_t>(panel.last.end) > begin &&
           static_cast<std::size_t>(panel.first.begin) < begin + kBlock;
  }

  /// Panel by panel, so that a panel's outputs stay in L1 while K and V come from L2.
  void attend_chunk(std::size_t chunk, std::size_t blocks) {
    Task tasks[4] = {idle(0), idle(1)};  // a ring, not copies: those would be waited for
    std::size_t number = 1;
    const auto advance = [&](const Task& next) {
      tasks[++number % 4] = next;
      step(tasks[(number - 2) % 4], tasks[(number - 1) % 4], tasks[number % 4]);
    };
    for (std::size_t panel = 0; panel < memory_.panels; ++panel) {
      for (std::size_t block = 0; block < blocks; ++block) {
        const std::size_t begin = chunk + block * kBlock;
        if (sees(memory_.panel[panel], begin)) advance(task(number + 1, panel, block, begin));
      }
    }
    advance(idle(number + 1));
    advance(idle(number + 1));
  }

  void step(const Task& before, const Task& now, const Task& next) {
    if (now.panel != nullptr) mask(now, now.piece.s);
    // Copies: what has an address is read again after every tile instruction.
    const Exponential exponential;
    const Piece pieces[] = {before.piece, now.piece, next.piece};
    __m512i highest = _mm512_setzero_si512();
    if (now.panel != nullptr && now.panel->biased)
      run_rows<depth, true>(pieces[0], pieces[1], pieces[2], memory_.ones, exponential, highest);
    else
      run_rows<depth, false>(pieces[0], pieces[1], pieces[2], memory_.ones, exponential, highest);
    if (now.panel == nullptr) return;
    const __mmask32 above = _mm512_cmpgt_epu16_mask(highest, _mm512_set1_epi16(static_cast<short>(kSlackWeight)));
    if (above != 0 || !now.panel->all_settled) raise(now);
  }

  /// Scores that a row does not see become minus infinity.
  void mask(const Task& task, float* s) const {
    const Panel& panel = *task.panel;
    const auto begin = static_cast<std::int32_t>(task.begin);
    const auto end = static_cast<std::int32_t>(task.begin + kBlock);
    if (panel.first.end >= end && panel.last.begin <= begin) return;
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512 minus_infinity = _mm512_set1_ps(-__builtin_inff());
    for (std::size_t row = 0; row < kPanelRows; ++row) {
      const __m512i first = _mm512_set1_epi32(panel.seen[row].begin);
      const __m512i limit = _mm512_set1_epi32(panel.seen[row].end);
      for (std::size_t tile = 0; tile < kBlock / 16; ++tile) {
        const __m512i key = _mm512_add_epi32(lanes, _mm512_set1_epi32(begin + static_cast<std::int32_t>(tile * 16)));
        const __mmask16 hidden = _mm512_cmplt_epi32_mask(key, first) | _mm512_cmpge_epi32_mask(key, limit);
        _mm512_mask_store_ps(s + (2 * tile + row / 16) * kTileFloats + row % 16 * 16, hidden, minus_infinity);
      }
    }
  }

  /// New references for the rows whose scores are too far above the old one, or which have none; the piece's scores,
  /// overwritten by the next one's, and its weights again.
  [[gnu::noinline]] void raise(const Task& task) {
    Piece piece = task.piece;
    piece.s = memory_.s_again;
    make_scores<depth>(piece, memory_.idle);
    mask(task, piece.s);
    Panel& panel = *task.panel;
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
    for (std::size_t row = 0; row < kPairs<depth> * kPanelRows; ++row)
      weigh_row<true>(piece, row / kPanelRows, row % kPanelRows, exponential, unused);
  }

  static float largest_score(const float* s, std::size_t row) {
    __m512 highest = _mm512_set1_ps(-__builtin_inff());
    for (std::size_t tile = 0; tile < kBlock / 16; ++tile) {
      highest = _mm512_max_ps(highest, _mm512_load_ps(s + (2 * tile + row / 16) * kTileFloats + row % 16 * 16));
    }
    return _mm512_reduce_max_ps(highest);
  }

  static void move_reference(const Piece& piece, Panel& panel, std::size_t row, float highest) {
    const float m = whole_above(highest);
    const float factor = panel.settled[row] ? power_of_two(-panel.bias[row] - m) : 0;  // or 0 times infinity
    for (std::size_t column = 0; column < columns; ++column) {
      float* o = piece.o + (2 * column + row / 16) * kTileFloats + row % 16 * 16;
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

template <int depth>
void run_tile(const AttentionTile& tile, float* scratch) {
  const TilesInUse tiles;
  const NoSubnormals mode;
  TileAttention<depth>(tile, scratch).run();
}

constexpr std::size_t kMostDims = 256;

/// Kernels of the set below, for wider heads.
KernelTable below;

/// Depths that there is a kernel for, in units of 32 dimensions.
std::size_t depth_of(std::size_t head_dim) {
  return head_dim > 128 ? 8 : (head_dim + 31) / 32;
}

std::size_t attention_scratch(std::size_t rows, std::size_t head_dim) {
  if (head_dim > kMostDims) return below.attention_scratch(rows, head_dim);
  return Memory::floats(rows, depth_of(head_dim));
}

void attention_tile(const AttentionTile& tile, float* scratch) {
  if (tile.kv.head_dim > kMostDims) return below.attention_tile(tile, scratch);
  switch (depth_of(tile.kv.head_dim)) {
    case 1:
      return run_tile<1>(tile, scratch);
    case 2:
      return run_tile<2>(tile, scratch);
    case 3:
      return run_tile<3>(tile, scratch);
    case 4:
      return run_tile<4>(tile, scratch);
    default:
      return run_tile<8>(tile, scratch);
  }
}

}  // namespace

extern void use_amx_attention(KernelTable& table);
void use_amx_attention(KernelTable& table) {
  below = table;
  table.attention_scratch_bf16 = attention_scratch;
  table.attention_tile_bf16 = attention_tile;
}

}  // namespace gemring
