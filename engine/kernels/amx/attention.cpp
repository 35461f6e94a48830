// Attention on the tiles of AMX: the recurrence of avx512bf16/attention_rows.inl in a pipeline of pieces.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine/kernels/amx/tiles.h"
#include "engine/kernels/kernel_table.h"

namespace gemring {
namespace {

constexpr std::size_t kPanelRows = 32;

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
#include "engine/kernels/amx/attention_steps.inl"

namespace gemring {
namespace {

/// What a pipeline wants beside the memory of all kernels.
struct PipelineMemory {
  float* s_again;  // scores of a piece whose references change
  Word* p;         // weights of every other piece
  Word* ones;      // a tile whose first column is 1
  float* idle;     // outputs and bias of the pieces before the first and behind the last

  static constexpr std::size_t idle_floats(std::size_t depth) { return (2 * depth + 1) * kColumnFloats + kTileFloats; }
  static constexpr std::size_t floats(std::size_t depth) {
    return Memory::kPieceScores + Memory::kPieceScores / 2 + kTileWords / 2 + idle_floats(depth);
  }

  PipelineMemory(Memory& memory, std::size_t depth)
      : s_again(memory.take(Memory::kPieceScores)),
        p(memory.take_words(Memory::kPieceScores)),
        ones(memory.take_words(kTileWords)),
        idle(memory.take(idle_floats(depth))) {
    for (std::size_t i = 0; i < kTileWords; ++i) ones[i] = i % 32 < 2 ? 0x3f80 : 0;
    for (std::size_t i = 0; i < idle_floats(depth); ++i) idle[i] = 0;
  }
};

/// One tile of a call, against all its keys.
template <int depth>
class TileAttention {
 public:
  TileAttention(const AttentionTile& tile, float* scratch) : rows_(tile, scratch), own_(rows_.memory(), depth) {}

  void run() {
    rows_.run([&](std::size_t chunk, std::size_t blocks) { attend_chunk(chunk, blocks); });
  }

 private:
  using Rows = TileRows<depth, kPairs<depth>>;

  /// A piece of work on its way through the pipeline.
  struct Task {
    Piece piece;
    Panel* panel = nullptr;  // null: none
    std::size_t begin = 0;   // first key
  };

  Word* weights(std::size_t number) { return number % 2 == 0 ? rows_.memory().p : own_.p; }

  Task idle(std::size_t number) {
    Task task{rows_.piece(0, 0)};
    task.piece.p = weights(number);
    task.piece.o = own_.idle;
    task.piece.bias = own_.idle + Rows::columns * kColumnFloats;
    return task;
  }

  Task task(std::size_t number, std::size_t panel, std::size_t block, std::size_t begin) {
    Task task{rows_.piece(panel, block), &rows_.memory().panel[panel], begin};
    task.piece.p = weights(number);
    return task;
  }

  /// Panel by panel, so that a panel's outputs stay in L1 while K and V come from L2.
  void attend_chunk(std::size_t chunk, std::size_t blocks) {
    Task tasks[4] = {idle(0), idle(1)};  // a ring, not copies: those would be waited for
    std::size_t number = 1;
    const auto advance = [&](const Task& next) {
      tasks[++number % 4] = next;
      step(tasks[(number - 2) % 4], tasks[(number - 1) % 4], tasks[number % 4]);
    };
    for (std::size_t panel = 0; panel < rows_.memory().panels; ++panel) {
      for (std::size_t block = 0; block < blocks; ++block) {
        const std::size_t begin = chunk + block * Rows::kBlock;
        if (Rows::sees(rows_.memory().panel[panel], begin)) advance(task(number + 1, panel, block, begin));
      }
    }
    advance(idle(number + 1));
    advance(idle(number + 1));
  }

  void step(const Task& before, const Task& now, const Task& next) {
    if (now.panel != nullptr) rows_.mask(*now.panel, now.begin, now.piece.s);
    // Copies: what has an address is read again after every tile instruction.
    const Exponential exponential;
    const Piece pieces[] = {before.piece, now.piece, next.piece};
    __m512i highest = _mm512_setzero_si512();
    constexpr std::make_integer_sequence<int, kRows<depth>> rows;
    if (now.panel != nullptr && now.panel->biased)
      run_rows<depth, true>(pieces[0], pieces[1], pieces[2], own_.ones, exponential, highest, rows);
    else
      run_rows<depth, false>(pieces[0], pieces[1], pieces[2], own_.ones, exponential, highest, rows);
    if (now.panel == nullptr) return;
    if (Rows::needs_raise(*now.panel, highest)) raise(now);
  }

  /// The piece's scores, overwritten by the next one's, again.
  [[gnu::noinline]] void raise(const Task& task) {
    Piece piece = task.piece;
    piece.s = own_.s_again;
    make_scores<depth>(piece, own_.idle);
    rows_.mask(*task.panel, task.begin, piece.s);
    rows_.raise(piece, *task.panel);
  }

  Rows rows_;
  PipelineMemory own_;
};

template <int depth>
void run_tile(const AttentionTile& tile, float* scratch) {
  const TilesInUse tiles;
  const NoSubnormals mode;
  TileAttention<depth>(tile, scratch).run();
}

std::size_t own_floats(std::size_t depth) {
  return PipelineMemory::floats(depth);
}

}  // namespace
}  // namespace gemring

#include "engine/kernels/avx512bf16/attention_entries.inl"

namespace gemring {

extern void use_amx_attention(KernelTable& table);
void use_amx_attention(KernelTable& table) {
  use_attention(table);
}

}  // namespace gemring
