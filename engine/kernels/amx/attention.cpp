// Attention on the tiles of AMX: products of bf16 in f32, FlashAttention's recurrence with a lazy reference.
//
// Weights are 2^(s - m) where m is a whole number that bounds the row's scores so far, give or take kSlack: a score
// above m + kSlack raises m, which is rare, and all else runs without looking for maxima. Moving m by whole numbers
// scales weights, outputs and sums by powers of two, without rounding. So a row's result depends on its query and on
// the keys it sees and their places in the shard; not on the tile it is in, nor on other rows.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "engine/kernels/amx/tiles.h"
#include "engine/kernels/kernel_table.h"
#ifndef GEMRING_KEY_BLOCK
#define GEMRING_KEY_BLOCK 128
#endif
//
#include "engine/kernels/amx/attention_steps.inl"
//
#include "engine/kernels/amx/attention_pack.inl"

namespace gemring {
namespace {

constexpr float kSlack = 32;
constexpr Word kSlackWeight = 0x4f80;                    // 2^kSlack
constexpr std::size_t kBlockTileWords = kKeyBlock * 32;  // words of K (or V) of a block, per 32 dimensions

constexpr std::size_t round_up(std::size_t x, std::size_t unit) {
  return (x + unit - 1) / unit * unit;
}

/// Tiles are small against subnormal numbers too: none is made, none is read, while this lives.
class NoSubnormals {
 public:
  NoSubnormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~NoSubnormals() { _mm_setcsr(before_); }
  NoSubnormals(const NoSubnormals&) = delete;
  NoSubnormals& operator=(const NoSubnormals&) = delete;

 private:
  unsigned before_;
};

/// 2^x for x in (-1, 0], to f32's precision: the Taylor series to the 11th power.
float exp2_of(float x) {
  const double y = static_cast<double>(x) * 0.69314718055994531;
  double sum = 1;
  for (int n = 11; n > 0; --n) sum = 1 + sum * y / n;
  return static_cast<float>(sum);
}

struct Panel {
  float bias[kPanelRows];     // -m; 0 while nothing is seen
  bool started[kPanelRows];   // a key has been seen
  KeyRange seen[kPanelRows];  // empty for rows behind the tile's last
  std::int32_t first_begin, last_begin, first_end, last_end;
  bool all_started;
};

/// Where everything is, in the scratch of a thread.
struct Memory {
  std::size_t panels, depth, columns;
  float* s[2];
  Word* p[2];
  Word* k;     // of the block whose scores come next
  Word* v[3];  // a block stays until the pieces begun before it are done: two behind
  Word* ones;
  float* idle;   // outputs, and scores' bias, of the pieces before the first and behind the last
  Word* q;       // [panels, depth] tiles
  float* o;      // [panels, columns] tiles
  Panel* panel;  // [panels]

  static std::size_t floats(std::size_t rows, std::size_t head_dim) {
    const std::size_t panels = round_up(rows, kPanelRows) / kPanelRows;
    const std::size_t depth = round_up(head_dim, 32) / 32;
    const std::size_t columns = 2 * depth + 1;
    return 16 + 2 * kKeyBlock * (16 + 8) + 4 * kKeyBlock * depth * 16 + kTileFloats + (columns + 1) * kTileFloats +
           panels * (depth + columns) * kTileFloats + panels * round_up(sizeof(Panel), 64) / 4;
  }

  Memory(float* scratch, std::size_t rows, std::size_t head_dim) {
    panels = round_up(rows, kPanelRows) / kPanelRows;
    depth = round_up(head_dim, 32) / 32;
    columns = 2 * depth + 1;
    const auto address = reinterpret_cast<std::uintptr_t>(scratch);
    float* at = scratch + (round_up(address, 64) - address) / 4;
    const auto floats = [&](std::size_t count) {
      float* begin = at;
      at += count;
      return begin;
    };
    const auto words = [&](std::size_t count) { return reinterpret_cast<Word*>(floats(count / 2)); };
    for (float*& x : s) x = floats(kKeyBlock * 16);
    for (Word*& x : p) x = words(kKeyBlock * 16);
    k = words(kBlockTileWords * depth);
    for (Word*& x : v) x = words(kBlockTileWords * depth);
    ones = words(kTileWords);
    idle = floats((columns + 1) * kTileFloats);
    q = words(panels * depth * kTileWords);
    o = floats(panels * columns * kTileFloats);
    panel = reinterpret_cast<Panel*>(at);
  }
};

/// One tile of a call, against all its keys.
template <int depth>
class TileAttention {
 public:
  static constexpr std::size_t columns = 2 * depth + 1;

  TileAttention(const AttentionTile& tile, float* scratch)
      : tile_(tile),
        group_(tile.heads / tile.kv.kv_heads),
        memory_(scratch, tile.tokens * group_, tile.kv.head_dim),
        exponential_(tile.scale) {}

  void run() {
    for (std::size_t i = 0; i < kTileWords; ++i) memory_.ones[i] = 0x3f80;
    for (std::size_t i = 0; i < (columns + 1) * kTileFloats; ++i) memory_.idle[i] = 0;
    for (std::size_t panel = 0; panel < memory_.panels; ++panel) begin_panel(panel);
    run_pieces();
    for (std::size_t row = 0; row < tile_.tokens * group_; ++row) end_row(row);
  }

 private:
  std::size_t head_of(std::size_t row) const {
    return row / group_ * tile_.heads + tile_.kv_head * group_ + row % group_;
  }

  float* output(std::size_t panel, std::size_t row) const {
    return memory_.o + panel * columns * kTileFloats + row * 16;
  }

  void begin_panel(std::size_t index) {
    Panel& panel = memory_.panel[index];
    const std::size_t rows = tile_.tokens * group_;
    const std::size_t count = rows - index * kPanelRows < kPanelRows ? rows - index * kPanelRows : kPanelRows;
    float* o = memory_.o + index * columns * kTileFloats;
    for (std::size_t i = 0; i < columns * kTileFloats; ++i) o[i] = 0;
    panel.all_started = true;
    for (std::size_t row = 0; row < kPanelRows; ++row) {
      Word* q = memory_.q + index * depth * kTileWords + row * 32;
      panel.bias[row] = 0;
      panel.started[row] = true;
      panel.seen[row] = {0, 0};
      for (std::size_t d = 0; d < depth; ++d) _mm512_store_si512(q + d * kTileWords, _mm512_setzero_si512());
      if (row >= count) continue;
      const std::size_t head = head_of(index * kPanelRows + row);
      for (std::size_t d = 0; d < depth && d * 32 < tile_.kv.head_dim; ++d) {
        const float* query = tile_.queries + head * tile_.kv.head_dim;
        _mm512_store_si512(q + d * kTileWords, load_32<DataType::f32>(query, d * 32, tile_.kv.head_dim));
      }
      panel.seen[row] = tile_.seen[(index * kPanelRows + row) / group_];
      panel.started[row] = !tile_.first && tile_.maxima[head] > kNothingSeen;
      if (panel.started[row])
        read_state(index, row, head);
      else
        panel.all_started = false;
    }
    panel.first_begin = panel.seen[0].begin;
    panel.first_end = panel.seen[0].end;
    panel.last_begin = panel.seen[count - 1].begin;
    panel.last_end = panel.seen[count - 1].end;
  }

  void read_state(std::size_t index, std::size_t row, std::size_t head) {
    const __m128 m = _mm_set_ss(tile_.maxima[head]);
    const __m128 whole = _mm_roundscale_ss(m, m, 0x0a);  // up
    const float factor = exp2_of(_mm_cvtss_f32(_mm_sub_ss(m, whole)));
    memory_.panel[index].bias[row] = -_mm_cvtss_f32(whole);
    float* o = output(index, row);
    for (std::size_t d = 0; d < tile_.kv.head_dim; ++d) {
      o[d / 16 * kTileFloats + d % 16] = tile_.outputs[head * tile_.kv.head_dim + d] * factor;
    }
    for (std::size_t i = 0; i < 16; ++i) o[(columns - 1) * kTileFloats + i] = tile_.sums[head] * factor;
  }

  void end_row(std::size_t index) {
    const std::size_t head = head_of(index);
    const Panel& panel = memory_.panel[index / kPanelRows];
    const std::size_t row = index % kPanelRows;
    const float* o = output(index / kPanelRows, row);
    const float sum = o[(columns - 1) * kTileFloats];
    const float factor = tile_.last ? 1.0f / sum : 1.0f;
    for (std::size_t d = 0; d < tile_.kv.head_dim; ++d) {
      tile_.outputs[head * tile_.kv.head_dim + d] = o[d / 16 * kTileFloats + d % 16] * factor;
    }
    tile_.maxima[head] = panel.started[row] ? -panel.bias[row] : kNothingSeen;
    tile_.sums[head] = sum;
  }

  Piece piece(std::size_t panel, std::size_t packed, std::size_t number) const {
    return {memory_.q + panel * depth * kTileWords,
            memory_.k,
            memory_.v[packed % 3],
            memory_.s[number % 2],
            memory_.p[number % 2],
            memory_.o + panel * columns * kTileFloats,
            memory_.panel[panel].bias};
  }

  /// No work: for the pipeline's ends.
  Piece idle_piece(std::size_t number) const {
    return {memory_.q,
            memory_.k,
            memory_.v[0],
            memory_.s[number % 2],
            memory_.p[number % 2],
            memory_.idle,
            memory_.idle + columns * kTileFloats};
  }

  bool visible(const Panel& panel, std::size_t block) const {
    return static_cast<std::size_t>(panel.last_end) > block * kKeyBlock &&
           static_cast<std::size_t>(panel.first_begin) < (block + 1) * kKeyBlock;
  }

  void run_pieces() {
    const KeyRange seen{tile_.seen[0].begin, tile_.seen[tile_.tokens - 1].end};
    const std::size_t blocks = (static_cast<std::size_t>(seen.end) + kKeyBlock - 1) / kKeyBlock;
    std::size_t number = 0;  // of pieces begun
    std::size_t packed = 0;  // blocks
    Piece before = idle_piece(1), now = idle_piece(0);
    std::size_t now_panel = 0, now_block = 0;
    bool idle = true;
    for (std::size_t block = static_cast<std::size_t>(seen.begin) / kKeyBlock; block < blocks; ++block) {
      bool is_packed = false;
      for (std::size_t panel = 0; panel < memory_.panels; ++panel) {
        if (!visible(memory_.panel[panel], block)) continue;
        if (!is_packed) {
          pack_block(tile_.kv, tile_.kv_head, seen, block * kKeyBlock, depth, memory_.k, memory_.v[++packed % 3]);
          is_packed = true;
        }
        const Piece next = piece(panel, packed, number + 1);
        step(before, now, next, now_panel, now_block, idle);
        before = now, now = next;
        now_panel = panel, now_block = block;
        idle = false;
        ++number;
      }
    }
    Piece behind = idle_piece(number + 1);
    step(before, now, behind, now_panel, now_block, idle);
    step(now, behind, idle_piece(number), 0, 0, true);
  }

  void step(const Piece& before, const Piece& now, const Piece& next, std::size_t panel, std::size_t block, bool idle) {
    if (!idle) mask(now, memory_.panel[panel], block);
    __m512i highest = _mm512_setzero_si512();
    run_turns<depth>(before, now, next, memory_.ones, exponential_, highest);
    if (idle) return;
    const __mmask32 above = _mm512_cmpgt_epu16_mask(highest, _mm512_set1_epi16(static_cast<short>(kSlackWeight)));
    if (above != 0 || !memory_.panel[panel].all_started) raise(now, memory_.panel[panel]);
  }

  /// Scores that a row does not see become minus infinity.
  void mask(const Piece& piece, const Panel& panel, std::size_t block) const {
    const auto begin = static_cast<std::int32_t>(block * kKeyBlock);
    const auto end = static_cast<std::int32_t>((block + 1) * kKeyBlock);
    if (panel.first_end >= end && panel.last_begin <= begin) return;
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512 minus_infinity = _mm512_set1_ps(-__builtin_inff());
    for (std::size_t row = 0; row < kPanelRows; ++row) {
      const __m512i first = _mm512_set1_epi32(panel.seen[row].begin);
      const __m512i limit = _mm512_set1_epi32(panel.seen[row].end);
      for (std::size_t tile = 0; tile < kKeyBlock / 16; ++tile) {
        const __m512i key = _mm512_add_epi32(lanes, _mm512_set1_epi32(begin + static_cast<std::int32_t>(tile * 16)));
        const __mmask16 hidden = _mm512_cmplt_epi32_mask(key, first) | _mm512_cmpge_epi32_mask(key, limit);
        _mm512_mask_store_ps(piece.s + tile * kTileFloats + row * 16, hidden, minus_infinity);
      }
    }
  }

  /// New references for the rows whose scores are above the old one, or which have none; the piece's weights again.
  void raise(const Piece& piece, Panel& panel) {
    panel.all_started = true;
    for (std::size_t row = 0; row < kPanelRows; ++row) {
      float highest = -__builtin_inff();
      for (std::size_t tile = 0; tile < kKeyBlock / 16; ++tile) {
        for (std::size_t i = 0; i < 16; ++i) {
          const float s = piece.s[tile * kTileFloats + row * 16 + i];
          highest = s > highest ? s : highest;
        }
      }
      highest *= tile_.scale;
      if (panel.started[row] ? highest > kSlack - panel.bias[row] : highest > -__builtin_inff()) {
        const __m128 whole = _mm_roundscale_ss(_mm_setzero_ps(), _mm_set_ss(highest), 0x0a);  // up
        const float m = _mm_cvtss_f32(whole);
        const float factor = _mm_cvtss_f32(_mm_scalef_ss(_mm_set_ss(1), _mm_set_ss(-panel.bias[row] - m)));
        for (std::size_t column = 0; column < columns; ++column) {
          float* o = piece.o + column * kTileFloats + row * 16;
          for (std::size_t i = 0; i < 16; ++i) o[i] *= factor;
        }
        panel.bias[row] = -m;
        panel.started[row] = true;
      }
      if (!panel.started[row]) panel.all_started = false;
    }
    __m512i unused = _mm512_setzero_si512();
    for (std::size_t row = 0; row < kPanelRows; ++row) {
      weigh_row<0>(piece, row, exponential_, unused);
      if constexpr (kPairs > 1) weigh_row<1>(piece, row, exponential_, unused);
      if constexpr (kPairs > 2) weigh_row<2>(piece, row, exponential_, unused);
      if constexpr (kPairs > 3) weigh_row<3>(piece, row, exponential_, unused);
    }
  }

  const AttentionTile& tile_;
  std::size_t group_;
  Memory memory_;
  Exponential exponential_;
};

template <int depth>
void run_tile(const AttentionTile& tile, float* scratch) {
  const TilesInUse tiles;
  const NoSubnormals mode;
  TileAttention<depth>(tile, scratch).run();
}

std::size_t attention_scratch(std::size_t rows, std::size_t head_dim) {
  return Memory::floats(rows, head_dim);
}

void attention_tile(const AttentionTile& tile, float* scratch) {
  switch ((tile.kv.head_dim + 31) / 32) {
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
  table.attention_scratch_bf16 = attention_scratch;
  table.attention_tile_bf16 = attention_tile;
}

}  // namespace gemring
