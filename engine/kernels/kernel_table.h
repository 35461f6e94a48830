// The kernels that exist once per instruction set. Callers use the functions of the other headers, which check, split
// the work over threads and call through this table.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/kernels/isa.h"
#include "engine/kernels/linear/activation_chunk.h"
#include "engine/kernels/linear/int8_product.h"
#include "engine/kernels/linear/tile_product.h"
#include "engine/tensor/data_type.h"

namespace gemring {

/// Keys and values of one sequence shard: [keys, kv_heads, head_dim] each, f32 or bf16.
struct KeysValues {
  DataType type = DataType::f32;
  const void* keys = nullptr;
  const void* values = nullptr;
  std::size_t count = 0;  // keys
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
};

/// Keys [begin, end) of a shard, in order of position, that a query sees: causality ends them, a sliding window begins
/// them. Empty where end <= begin.
struct KeyRange {
  std::int32_t begin = 0;
  std::int32_t end = 0;
};

/// One piece of attention: some tokens' query heads that share one key head, against the shard's keys. The softmax
/// state of each query head is read, carried on over the keys, and written back (scaled so that l is the sum of exp2(s
/// - m)).
struct AttentionTile {
  const float* queries;  // [tokens, heads, head_dim], first token of the tile
  std::size_t tokens;
  std::size_t heads;              // query heads per token
  std::size_t kv_head;            // the tile's key head; its query heads are kv_head * group ... + group - 1
  std::size_t kv_head_count = 1;  // attention_few takes some key heads from kv_head on, whose keys lie side by side
  KeysValues kv;
  const KeyRange* seen;  // [tokens]; neither begins nor ends descend
  float scale;           // log2(e) / sqrt(head_dim)
  float* outputs;        // [tokens, heads, head_dim], may be `queries`
  float* maxima;         // [tokens, heads], in units of log2; kNothingSeen before the first key
  float* sums;           // [tokens, heads]
  bool first;            // the state holds nothing yet: do not read it
  bool last;             // divide the outputs by their sums
};

/// m of a softmax state that has seen no key: exp2(kNothingSeen - m) is 0 for every real m.
inline constexpr float kNothingSeen = -1e30f;

/// A weight matrix as stored, [rows, cols] row-major.
struct WeightMatrix {
  DataType type = DataType::f32;
  const void* data = nullptr;
  std::size_t rows = 0;  // outputs
  std::size_t cols = 0;  // inputs
};

/// Rows [begin, end) of a product of one token and, where `apart` is not 0, those that lie so many rows behind them: a
/// row of each in turn. A processor follows two far streams of memory with more loads in flight than one (decode of
/// q8_0: 0.79 of a plain read with one, 0.93 with two, 0.91 with four).
struct RowStreams {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t apart = 0;
};

/// Bytes that kernels which stream through memory fetch ahead: what a processor fetches by itself ends with each page,
/// and begins anew too late. From `gemring bench kernels`.
inline constexpr std::size_t kReadAhead = 2048;

struct KernelTable {
  // f32 elements of scratch that attention_tile wants for tiles of at most `rows` query heads (tokens x group)
  std::size_t (*attention_scratch)(std::size_t rows, std::size_t head_dim);
  void (*attention_tile)(const AttentionTile& tile, float* scratch);
  // the same for few query heads of each key head (decode): no panels; scratch of f32 for all query heads of a token
  void (*attention_few)(const AttentionTile& tile, float* scratch);
  // attention_tile in bf16: queries, keys, values and exponentials are rounded, sums are f32. Null where
  // the set has no kernel for it.
  std::size_t (*attention_scratch_bf16)(std::size_t rows, std::size_t head_dim);
  void (*attention_tile_bf16)(const AttentionTile& tile, float* scratch);

  // out[t, row] = weights[row] . x[t] for `rows` and `tokens` rows of x; out has stride out_stride; added where add
  void (*dot_rows)(const WeightMatrix& weights, const RowStreams& rows, const float* x, std::size_t x_stride,
                   std::size_t tokens, float* out, std::size_t out_stride, bool add);
  // one token's activations to 8 bits for weights of a block type; x: [cols], chunks: [activation_chunks(cols)]
  void (*quantise_activations)(DataType weights, const float* x, std::size_t cols, ActivationChunk* chunks);
  // out[row] = weights[row] . x for block-quantised weights with those activations; added where add
  void (*dot_rows_int8)(const WeightMatrix& weights, const RowStreams& rows, const ActivationChunk* x, float* out,
                        bool add);
  // scores[key] = sum over heads of q[head] . keys[key, head's key head]; q: [heads, head_dim], keys: [count, kv_heads,
  // head_dim]
  void (*score_keys)(const float* q, std::size_t heads, const float* keys, std::size_t count, std::size_t kv_heads,
                     std::size_t head_dim, float* scores);

  TileKernels tiles;  // bf16 matmul, many tokens
  Int8Kernels int8;   // int8 matmul with block-quantised weights, many tokens

  void (*widen)(DataType from, const void* in, float* out, std::size_t count);  // any stored type, whole blocks
  void (*to_bf16)(const float* in, std::uint16_t* out, std::size_t count);      // round to nearest even
  void (*rms_norm)(const float* x, const float* weight, float epsilon, float* out, std::size_t count);
  void (*silu_times)(float* gate, const float* up, std::size_t count);  // gate <- silu(gate) * up
  // half-split rotation of one head: (a, b) <- (a cos - b sin, b cos + a sin), a = x[i], b = x[i + half]
  void (*rotate)(float* x, const float* cos, const float* sin, std::size_t half);
  void (*rotate_interleaved)(float* x, const float* cos, const float* sin, std::size_t half);  // x[2 i], x[2 i + 1]

  // one thread's work of measure_f32_fma_gflops(), and FLOP of one of its rounds; so too of the bf16 dot products
  // and of bytes (each in tiles where the set has them), null where the set has none
  float (*fma_probe)(std::size_t rounds);
  std::size_t fma_probe_flop;
  float (*bf16_probe)(std::size_t rounds);
  std::size_t bf16_probe_flop;
  float (*int8_probe)(std::size_t rounds);
  std::size_t int8_probe_op;
  // one thread's work of measure_memory_read_gbs(): the sum of `count` words, a multiple of 128
  std::uint32_t (*read_probe)(const std::uint32_t* words, std::size_t count);
};

/// The table of active_isa().
const KernelTable& kernels();

/// The table of a given set, for tests and measurements. The machine must have it.
const KernelTable& kernels_of(Isa isa);

}  // namespace gemring
