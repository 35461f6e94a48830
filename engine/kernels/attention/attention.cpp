#include "engine/kernels/attention/attention.h"

#include <omp.h>

#include <algorithm>
#include <cmath>

#include "engine/base/check.h"
#include "engine/base/place.h"
#include "engine/base/rounding.h"
#include "engine/kernels/compute.h"

namespace gemring {
namespace {

constexpr std::size_t kTileRowsWanted =
    192;  // query heads per tile: a multiple of every panel; K and V are converted once for all
// Packing K and V as tiles costs more than converting them: as many rows as L2 holds, where that leaves work for all.
constexpr std::size_t kTileRowsWantedBf16 = 2048;
constexpr std::size_t kFewestTileRowsBf16 = 256;
constexpr std::size_t kTilesPerThread = 4;
constexpr std::size_t kMostGroupOfFew =
    8;  // query heads of a key head that attention_few takes: up to the smallest panel
constexpr std::size_t kSplitKeys = 1024;  // keys per task of a single query; a multiple of the kernels' key block

KeysValues keys_from(const KeysValues& kv, std::size_t begin, std::size_t count) {
  KeysValues part = kv;
  const std::size_t offset = begin * kv.kv_heads * kv.head_dim * bytes_per_element(kv.type);
  part.keys = static_cast<const std::byte*>(kv.keys) + offset;
  part.values = static_cast<const std::byte*>(kv.values) + offset;
  part.count = count;
  return part;
}

std::size_t tokens_per_tile(std::size_t group, std::size_t rows_wanted) {
  return std::max<std::size_t>(rows_wanted / group, 1);
}

/// The kernel of tiles, and how many query heads a tile of it wants.
struct TileKernel {
  void (*attend)(const AttentionTile&, float*);
  std::size_t rows;
};

/// For `rows` query heads of each of kv_heads key heads.
TileKernel tile_kernel(std::size_t rows, std::size_t kv_heads) {
  const KernelTable& table = kernels();
  if (active_compute().many != ComputeType::bf16 || table.attention_tile_bf16 == nullptr)
    return {table.attention_tile, kTileRowsWanted};
  // This kernel's results do not depend on the tiles, so their number may depend on the threads.
  const std::size_t wanted = kTilesPerThread * static_cast<std::size_t>(omp_get_max_threads());
  std::size_t of_tile = kTileRowsWantedBf16;
  while (of_tile > kFewestTileRowsBf16 && ceil_div(rows, of_tile) * kv_heads < wanted) of_tile /= 2;
  return {table.attention_tile_bf16, of_tile};
}

/// f32 of one thread's scratch.
std::size_t scratch_elements(const KernelTable& table, std::size_t group, std::size_t head_dim, Compute compute) {
  const auto rows = [&](std::size_t wanted) { return tokens_per_tile(group, wanted) * group; };
  const std::size_t plain = table.attention_scratch(rows(kTileRowsWanted), head_dim);
  if (compute.many != ComputeType::bf16 || table.attention_scratch_bf16 == nullptr) return plain;
  return std::max(plain, table.attention_scratch_bf16(rows(kTileRowsWantedBf16), head_dim));
}

AttentionTile tile_of(HeadsView<const float> q, const KeysValues& kv, const PartialSoftmax& state) {
  AttentionTile tile{};
  tile.queries = q.data();
  tile.tokens = q.tokens();
  tile.heads = q.heads();
  tile.kv = kv;
  tile.scale = static_cast<float>(1.4426950408889634 / std::sqrt(static_cast<double>(q.head_dim())));
  tile.outputs = state.o.data();
  tile.maxima = state.m.data();
  tile.sums = state.l.data();
  return tile;
}

void copy_state(const PartialSoftmax& from, const PartialSoftmax& to) {
  std::copy_n(from.o.data(), from.o.size(), to.o.data());
  std::copy_n(from.m.data(), from.m.rows() * from.m.cols(), to.m.data());
  std::copy_n(from.l.data(), from.l.rows() * from.l.cols(), to.l.data());
}

void start_empty(const PartialSoftmax& state) {
  std::fill_n(state.o.data(), state.o.size(), 0.0f);
  std::fill_n(state.m.data(), state.m.rows() * state.m.cols(), kNothingSeen);
  std::fill_n(state.l.data(), state.l.rows() * state.l.cols(), 0.0f);
}

struct Merged {
  PartialSoftmax state;
  bool divided = false;  // o by l
};

void merge_rows(const PartialSoftmax& into, const Merged& other) {
  const std::size_t heads = into.o.heads();
  const std::size_t head_dim = into.o.head_dim();
#pragma omp parallel for schedule(static) if (into.o.tokens() > 1)
  for (std::size_t row = 0; row < into.o.tokens() * heads; ++row) {
    float& m = into.m.data()[row];
    const float their_m = other.state.m.data()[row];
    const float their_l = other.state.l.data()[row];
    const float highest = std::max(m, their_m);
    const float ours = std::exp2(m - highest);
    const float theirs = std::exp2(their_m - highest);
    const float of_theirs = other.divided ? their_l * theirs : theirs;
    float* o = into.o.data() + row * head_dim;
    const float* p = other.state.o.data() + row * head_dim;
    for (std::size_t d = 0; d < head_dim; ++d) o[d] = o[d] * ours + p[d] * of_theirs;
    into.l.data()[row] = into.l.data()[row] * ours + their_l * theirs;
    m = highest;
  }
}

/// One query: its keys are cut into pieces for the threads, and the pieces' states are merged in order.
void attend_one(HeadsView<const float> q, const KeysValues& all, KeyRange seen_keys, const PartialSoftmax& state,
                StateUse use, AttentionScratch& scratch) {
  const KernelTable& table = kernels();
  const auto keys = static_cast<std::size_t>(std::max(seen_keys.end - seen_keys.begin, 0));
  const KeysValues kv = keys_from(all, keys > 0 ? static_cast<std::size_t>(seen_keys.begin) : 0, keys);
  const std::size_t step =
      std::max(kSplitKeys, (keys / AttentionScratch::kMaxSplits + kSplitKeys) / kSplitKeys * kSplitKeys);
  const std::size_t splits = ceil_div(keys, step);
  const bool few = q.heads() / kv.kv_heads <= kMostGroupOfFew;
  // A thread takes key heads that lie side by side; their number does not change any head's result.
  const std::size_t parts = few ? std::min(kv.kv_heads, static_cast<std::size_t>(omp_get_max_threads())) : kv.kv_heads;
#pragma omp parallel for collapse(2) schedule(static)
  for (std::size_t part = 0; part < parts; ++part) {
    for (std::size_t split = 0; split < splits; ++split) {
      const std::size_t count = std::min(step, keys - split * step);
      const KeyRange seen{0, static_cast<std::int32_t>(count)};
      AttentionTile tile = tile_of(q, keys_from(kv, split * step, count), scratch.split_state(split));
      tile.kv_head = kv.kv_heads * part / parts;
      tile.kv_head_count = kv.kv_heads * (part + 1) / parts - tile.kv_head;
      tile.seen = &seen;
      tile.first = true;
      (few ? table.attention_few : table.attention_tile)(tile, scratch.of_thread(omp_get_thread_num()));
    }
  }
  if (use != StateUse::carry_on && splits == 0) start_empty(state);
  for (std::size_t split = 0; split < splits; ++split) {
    if (split == 0 && use != StateUse::carry_on)
      copy_state(scratch.split_state(0), state);
    else
      merge(state, scratch.split_state(split));
  }
  if (use == StateUse::start_and_finish) finish(state, state.o);
}

}  // namespace

std::size_t attention_scratch_bytes(std::size_t heads, std::size_t kv_heads, std::size_t head_dim, Compute compute,
                                    std::size_t threads) {
  return threads * scratch_elements(kernels(), heads / kv_heads, head_dim, compute) * sizeof(float);
}

AttentionScratch::AttentionScratch(std::size_t heads, std::size_t kv_heads, std::size_t head_dim)
    : heads_(heads), head_dim_(head_dim) {
  constexpr Compute kAny{ComputeType::bf16, ComputeType::f32};
  elements_ = heads * head_dim;  // of attention_few
  for (int isa = 0; isa <= static_cast<int>(detected_isa()); ++isa)
    elements_ =
        std::max(elements_, scratch_elements(kernels_of(static_cast<Isa>(isa)), heads / kv_heads, head_dim, kAny));
  elements_ = round_up(elements_, 1024);
  memory_ = Buffer<float>(elements_ * static_cast<std::size_t>(omp_get_max_threads()));
  split_o_ = Buffer<float>(kMaxSplits * heads * head_dim);
  split_ml_ = Buffer<float>(kMaxSplits * 2 * heads);
}

PartialSoftmax AttentionScratch::split_state(std::size_t split) const {
  float* ml = split_ml_.data() + split * 2 * heads_;
  return {
      {split_o_.data() + split * heads_ * head_dim_, 1, heads_, head_dim_}, {ml, 1, heads_}, {ml + heads_, 1, heads_}};
}

void attend(HeadsView<const float> q, const KeysValues& kv, std::span<const KeyRange> seen, const PartialSoftmax& state,
            StateUse use, AttentionScratch& scratch) {
  GEMRING_CHECK(q.heads() % kv.kv_heads == 0 && q.head_dim() == kv.head_dim && seen.size() == q.tokens(),
                "q [{}, {}, {}], kv_heads {}, head_dim {}, seen {}", q.tokens(), q.heads(), q.head_dim(), kv.kv_heads,
                kv.head_dim, seen.size());
  if (q.tokens() == 0) return;
  if (q.tokens() == 1) return attend_one(q, kv, seen[0], state, use, scratch);
  const std::size_t group = q.heads() / kv.kv_heads;
  const TileKernel kernel = tile_kernel(q.tokens() * group, kv.kv_heads);
  const std::size_t step = tokens_per_tile(group, kernel.rows);
  const std::size_t blocks = ceil_div(q.tokens(), step);
  // The last tokens see the most keys: the longest tasks first.
#pragma omp parallel for schedule(dynamic)
  for (std::size_t item = 0; item < blocks * kv.kv_heads; ++item) {
    const std::size_t begin = (blocks - 1 - item / kv.kv_heads) * step;
    const std::size_t end = std::min(begin + step, q.tokens());
    AttentionTile tile = tile_of(q.tokens(begin, end), kv,
                                 {state.o.tokens(begin, end), state.m.rows(begin, end), state.l.rows(begin, end)});
    tile.kv_head = item % kv.kv_heads;
    tile.seen = seen.data() + begin;
    tile.first = use != StateUse::carry_on;
    tile.last = use == StateUse::start_and_finish;
    kernel.attend(tile, scratch.of_thread(omp_get_thread_num()));
    mark_task();
  }
}

void attend_part(HeadsView<const float> q, const KeysValues& kv, std::span<const KeyRange> seen,
                 const PartialAttention& part, AttentionScratch& scratch) {
  // Rows that see no key are divided by zero, or by the weights of keys that were masked: they are written again.
  attend(q, kv, seen, {part.o, part.m, part.l}, StateUse::start_and_finish, scratch);
  const std::size_t heads = part.o.heads();
#pragma omp parallel for schedule(static) if (q.tokens() > 1)
  for (std::size_t token = 0; token < q.tokens(); ++token) {
    if (seen[token].begin < seen[token].end) continue;
    std::fill_n(part.o.token(token), part.o.stride(), 0.0f);
    std::fill_n(part.m.data() + token * heads, heads, kNothingSeen);
    std::fill_n(part.l.data() + token * heads, heads, 0.0f);
  }
}

void merge(const PartialSoftmax& into, const PartialSoftmax& other) {
  merge_rows(into, {other, false});
}

void merge(const PartialSoftmax& into, const PartialAttention& part) {
  merge_rows(into, {{part.o, part.m, part.l}, true});
}

void finish(const PartialSoftmax& state, HeadsView<float> out) {
  const std::size_t head_dim = out.head_dim();
#pragma omp parallel for schedule(static) if (out.tokens() > 1)
  for (std::size_t row = 0; row < out.tokens() * out.heads(); ++row) {
    const float factor = 1.0f / state.l.data()[row];
    for (std::size_t d = 0; d < head_dim; ++d) {
      out.data()[row * head_dim + d] = state.o.data()[row * head_dim + d] * factor;
    }
  }
}

void find_seen(std::span<const GlobalPosition> query_positions, std::span<const GlobalPosition> key_positions,
               std::int32_t window, std::span<KeyRange> seen) {
  std::size_t begin = 0;
  std::size_t end = 0;
  for (std::size_t i = 0; i < query_positions.size(); ++i) {
    while (end < key_positions.size() && key_positions[end] <= query_positions[i]) ++end;
    while (begin < end && query_positions[i] - key_positions[begin] >= window) ++begin;
    seen[i] = {static_cast<std::int32_t>(begin), static_cast<std::int32_t>(end)};
  }
}

}  // namespace gemring
