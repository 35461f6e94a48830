// Attention of queries against one shard of keys and values: the softmax state that can be carried on, what travels of
// it, and their merge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/types.h"
#include "engine/kernels/compute.h"
#include "engine/kernels/kernel_table.h"
#include "engine/tensor/buffer.h"
#include "engine/tensor/view.h"

namespace gemring {

/// Partial softmax of some queries: o = sum of 2^(s - m) v, l = sum of 2^(s - m), where s is the score in units of log2
/// and m the largest s, or (bf16 attention) a whole number that keeps the sums in range: o and l may then be 2^64
/// times larger or smaller than the values, so they are f32 always and never rounded. Two states of the same queries
/// over different keys can be merged, of either kind. A row that has seen no key has m = kNothingSeen, and its o and l
/// mean nothing.
struct PartialSoftmax {
  HeadsView<float> o;   // [tokens, heads, head_dim]
  MatrixView<float> m;  // [tokens, heads], contiguous; kNothingSeen where no key was seen
  MatrixView<float> l;  // [tokens, heads], contiguous
};

/// Attention of some queries over a part of their keys, in the form that can be rounded and sent: o is o / l of the
/// state, a mean of values, so it is never larger than the largest value, whatever the scores are. Parts of the same
/// queries over different keys are merged into a state. A row that has seen no key has o = 0, l = 0 and m =
/// kNothingSeen, and merges as nothing.
struct PartialAttention {
  HeadsView<float> o;   // [tokens, heads, head_dim]
  MatrixView<float> m;  // [tokens, heads], contiguous; m and l of the state that was divided
  MatrixView<float> l;  // [tokens, heads], contiguous
};

/// Per-thread scratch of the attention kernels. Allocated once per phase.
class AttentionScratch {
 public:
  AttentionScratch() = default;
  AttentionScratch(std::size_t heads, std::size_t kv_heads, std::size_t head_dim);
  float* of_thread(int thread) { return memory_.data() + static_cast<std::size_t>(thread) * elements_; }
  PartialSoftmax split_state(std::size_t split) const;  // of one token, for split keys

  static constexpr std::size_t kMaxSplits = 64;

 private:
  std::size_t heads_ = 0;
  std::size_t head_dim_ = 0;
  std::size_t elements_ = 0;
  Buffer<float> memory_;
  mutable Buffer<float> split_o_;   // [kMaxSplits, heads, head_dim]
  mutable Buffer<float> split_ml_;  // [kMaxSplits, 2, heads]
};

/// Bytes that `threads` threads use of an AttentionScratch in products of `compute` with the kernels of active_isa().
std::size_t attention_scratch_bytes(std::size_t heads, std::size_t kv_heads, std::size_t head_dim, Compute compute,
                                    std::size_t threads);

enum class StateUse {
  start_and_finish,  // state.o receives the attention's result; state.o may be the queries' memory
  start,             // the state starts here and is left open
  carry_on,          // the state goes on and is left open
};

/// q: [tokens, heads, head_dim]; kv: [count, kv_heads, head_dim] in ascending order of position; seen[t]: the keys that
/// token t sees (begins and ends ascend over t; none only where the state is not finished here). Scores are q.k /
/// sqrt(head_dim). Work is cut by key head and tokens, so the result does not depend on the number of threads. More
/// than one token: in bf16 where active_compute().many says so and active_isa() has a kernel of them, else
/// f32.
void attend(HeadsView<const float> q, const KeysValues& kv, std::span<const KeyRange> seen, const PartialSoftmax& state,
            StateUse use, AttentionScratch& scratch);

/// The same over a part of the keys, which some queries may see nothing of. part.o may not be the queries' memory.
void attend_part(HeadsView<const float> q, const KeysValues& kv, std::span<const KeyRange> seen,
                 const PartialAttention& part, AttentionScratch& scratch);

/// into <- merge(into, other), both open.
void merge(const PartialSoftmax& into, const PartialSoftmax& other);

/// into <- merge(into, part): o and l count 2^(m - the larger m) times, and o of the part l times that.
void merge(const PartialSoftmax& into, const PartialAttention& part);

/// state.o / l into out (may be state.o's memory).   out: [tokens, heads, head_dim]
void finish(const PartialSoftmax& state, HeadsView<float> out);

/// The causal `seen` of attend(): keys at or before each query, of these the last `window` positions, the query's own
/// included. Positions ascend.
void find_seen(std::span<const GlobalPosition> query_positions, std::span<const GlobalPosition> key_positions,
               std::int32_t window, std::span<KeyRange> seen);

}  // namespace gemring
