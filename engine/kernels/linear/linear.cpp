#include "engine/kernels/linear/linear.h"

#include <cblas.h>
#include <omp.h>

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/place.h"
#include "engine/base/rounding.h"
#include "engine/base/trace.h"
#include "engine/kernels/blas_info.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/linear/row_split.h"

namespace gemring {
namespace {

constexpr std::size_t kFewTokens = 12;           // below it the conversion of a panel costs more than sgemm gains
constexpr std::size_t kBytesOfPiece = 32 << 10;  // of weights; two microseconds, long against taking the next piece

void cut(const WeightMatrix& w, std::size_t streams, std::span<RowShare> shares) {
  for (std::size_t i = 0; i < shares.size(); ++i) {
    RowShare& share = shares[i];
    const RowRange rows = rows_of_thread(w.rows, i, shares.size());
    share.begin = rows.begin;
    share.end = rows.end;
    share.rows = (share.end - share.begin) / streams;
    share.apart = streams > 1 ? share.rows : 0;
    share.next.store(0, std::memory_order_relaxed);
  }
}

/// Calls work(streams) for pieces of a share, `piece` rows of each of its streams, until others have taken the rest.
template <class Work>
void work_off(RowShare& share, std::size_t piece, Work work) {
  for (;;) {
    const std::size_t at = share.next.fetch_add(piece, std::memory_order_relaxed);
    if (at >= std::max<std::size_t>(share.rows, 1)) return;
    const std::size_t last = std::min(at + piece, share.rows);
    if (at < last) work(RowStreams{share.begin + at, share.begin + last, share.apart});
    const std::size_t done = share.begin + share.apart + share.rows;
    if (last == share.rows && done < share.end) work(RowStreams{done, share.end, 0});
  }
}

/// Calls work(streams) for pieces of the rows, from all threads. Each begins with its own consecutive share, always the
/// same, which it reads as one or two streams from its own memory; whoever is done first helps the others: one
/// processor that is held up would hold up all.
template <class Work>
void share_rows(const WeightMatrix& w, std::size_t streams, LinearScratch& scratch, Work work) {
  const std::size_t piece = std::max<std::size_t>(kBytesOfPiece / (streams * row_bytes(w.type, w.cols)), 1);
  const auto all = scratch.shares();
  const auto shares = all.first(std::min(all.size(), static_cast<std::size_t>(omp_get_max_threads())));
  cut(w, streams, shares);
#pragma omp parallel num_threads(static_cast <int>(shares.size()))
  for (std::size_t i = 0; i < shares.size(); ++i)
    work_off(shares[(i + static_cast<std::size_t>(omp_get_thread_num())) % shares.size()], piece, work);
}

void linear_few(MatrixView<const float> x, const WeightMatrix& w, MatrixView<float> out, bool add,
                LinearScratch& scratch) {
  const KernelTable& table = kernels();
  share_rows(w, 1, scratch, [&](const RowStreams& rows) {
    table.dot_rows(w, rows, x.data(), x.stride(), x.rows(), out.data(), out.stride(), add);
  });
}

// Tokens that have nothing to do with each other: a piece of the weights is read for all while it is in the cache, and
// each token's sums are those of a call of its own.

void linear_alone(MatrixView<const float> x, const WeightMatrix& w, MatrixView<float> out, bool add,
                  LinearScratch& scratch) {
  const KernelTable& table = kernels();
  // f32 is a plain read by itself, blocks are limited by arithmetic here.
  const bool two = w.type == DataType::bf16 || w.type == DataType::f16;
  share_rows(w, two ? 2 : 1, scratch, [&](const RowStreams& rows) {
    for (std::size_t t = 0; t < x.rows(); ++t)
      table.dot_rows(w, rows, x.row(t), x.stride(), 1, out.row(t), out.stride(), add);
  });
}

/// The same with activations in 8 bits.
void linear_alone_int8(MatrixView<const float> x, const WeightMatrix& w, MatrixView<float> out, bool add,
                       LinearScratch& scratch) {
  const KernelTable& table = kernels();
  for (std::size_t t = 0; t < x.rows(); ++t)
    table.quantise_activations(w.type, x.row(t), w.cols, scratch.activations(t));
  share_rows(w, 2, scratch, [&](const RowStreams& rows) {
    for (std::size_t t = 0; t < x.rows(); ++t) table.dot_rows_int8(w, rows, scratch.activations(t), out.row(t), add);
  });
}

// Outputs of a panel (bench/notes.md, "Panels in f32"). By the matrix alone: sgemm adds the first and last outputs of a
// call up in another order, and no bit is to depend on the number of threads. A multiple of sgemm's register tiles.

constexpr std::size_t kMostPanelRows = 656;  // as many make two panels: fewer than that are one

/// For OpenBLAS's AVX2 kernels, which take 320 outputs at a time: on AMD's first Zen a call of no more than that runs
/// at a third of the speed of a larger one. More than that in every panel, in the last too, where there are so many.
std::size_t wide_panel_rows(std::size_t rows) {
  constexpr std::size_t kSlow = 320;
  constexpr std::size_t kTile = 8;
  constexpr std::size_t kFewest = kSlow + kTile;
  if (rows < kMostPanelRows) return std::max<std::size_t>(rows, 1);
  for (std::size_t step = kFewest; step < kMostPanelRows; step += kTile) {
    if (rows % step == 0 || rows % step > kSlow) return step;
  }
  return kFewest;
}

/// For the others: at least four panels, so that one that is held up does not hold up both of two threads.
std::size_t narrow_panel_rows(std::size_t rows) {
  return std::clamp<std::size_t>(rows / 4 / 32 * 32, 32, 256);
}

std::size_t panel_rows(std::size_t rows) {
  static const bool wide = blas_core_name() == "Haswell" || blas_core_name() == "Zen";
  return wide ? wide_panel_rows(rows) : narrow_panel_rows(rows);
}

/// Tokens per task of a panel: all, or a part where there are fewer than two panels a thread. A part changes no bit:
/// sgemm works on 12, 24 or 48 tokens at a time whatever their number is, once a product is not small.
std::size_t task_tokens(std::size_t tokens, const WeightMatrix& w, std::size_t rows_of_panel) {
  constexpr std::size_t kAtOnce = 48;
  constexpr std::size_t kFewest = 96;              // below it the conversion of a panel for each part costs too much
  constexpr std::size_t kSmall = 128 * 128 * 128;  // OpenBLAS has other kernels for up to 100^3 multiplications
  const std::size_t panels = ceil_div(w.rows, rows_of_panel);
  const std::size_t wanted = 2 * static_cast<std::size_t>(omp_get_max_threads());
  if (panels == 0 || panels >= wanted) return tokens;
  const std::size_t last_panel = w.rows - (panels - 1) * rows_of_panel;
  const std::size_t fewest = std::max(kFewest, ceil_div(kSmall, last_panel * w.cols));
  return round_up(std::max(ceil_div(tokens, ceil_div(wanted, panels)), fewest), kAtOnce);
}

void linear_many(MatrixView<const float> x, const WeightMatrix& w, MatrixView<float> out, bool add,
                 LinearScratch& scratch) {
  const KernelTable& table = kernels();
  const std::size_t step = panel_rows(w.rows);
  const std::size_t part = task_tokens(x.rows(), w, step);
  const std::size_t parts = std::max<std::size_t>(x.rows() / part, 1);  // the last one takes what is left
  const std::size_t stride = row_bytes(w.type, w.cols);
#pragma omp parallel for schedule(dynamic)
  for (std::size_t task = 0; task < ceil_div(w.rows, step) * parts; ++task) {
    const std::size_t begin = task / parts * step;
    const std::size_t count = std::min(step, w.rows - begin);
    const std::size_t token = task % parts * part;
    const auto tokens = x.rows(token, task % parts + 1 < parts ? token + part : x.rows());
    const auto* stored = static_cast<const std::byte*>(w.data) + begin * stride;
    const float* panel = reinterpret_cast<const float*>(stored);
    // sgemm wants aligned floats; a file gives any alignment.
    if (w.type != DataType::f32 || reinterpret_cast<std::uintptr_t>(stored) % alignof(float) != 0) {
      float* converted = scratch.panel(omp_get_thread_num(), count * w.cols);
      table.widen(w.type, stored, converted, count * w.cols);
      panel = converted;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(tokens.rows()), static_cast<int>(count),
                static_cast<int>(w.cols), 1.0f, tokens.data(), static_cast<int>(tokens.stride()), panel,
                static_cast<int>(w.cols), add ? 1.0f : 0.0f, out.row(token) + begin, static_cast<int>(out.stride()));
    mark_task();
  }
}

/// The types in which products of many tokens may run.
struct TypesInUse {
  bool tiles, int8, f32;

  TypesInUse(std::size_t tokens, Compute compute)
      : tiles(tokens > 0 && (compute.many == ComputeType::bf16 || compute.many_blocks == ComputeType::bf16)),
        int8(tokens > 1 && compute.many_blocks == ComputeType::int8),
        f32(compute.many == ComputeType::f32 || compute.many_blocks == ComputeType::f32) {}
};

/// Elements of a scratch's parts.
struct ScratchSizes {
  std::size_t inputs, gate, panel, input_tiles, gated_tiles, token_blocks;

  ScratchSizes(const LinearSizes& sizes, const TypesInUse& types)
      : inputs(std::max(sizes.inputs, sizes.gated)),
        gate((types.int8 || types.f32 ? std::max(sizes.tokens, sizes.alone) : sizes.alone) * sizes.gated),
        panel(types.f32 ? round_up(panel_elements(sizes), 1024) : 0),
        input_tiles(types.tiles ? TokenTiles::elements(sizes.tokens, sizes.inputs) : 0),
        gated_tiles(types.tiles ? TokenTiles::elements(sizes.tokens, sizes.gated) : 0),
        token_blocks(types.int8 ? Int8Tokens::blocks(sizes.tokens, inputs) : 0) {}

  /// Of the largest panel that any machine cuts, a wide one: a plan is made for other machines too.
  static std::size_t panel_elements(const LinearSizes& sizes) {
    const std::size_t rows = sizes.outputs == 0 ? kMostPanelRows : wide_panel_rows(sizes.outputs);
    return std::max(sizes.inputs * kMostPanelRows, sizes.gated * rows);
  }
};

void check_shapes(const LinearInput& x, const WeightMatrix& w) {
  GEMRING_CHECK(x.inputs() == w.cols, "{} inputs, weights [{}, {}]", x.inputs(), w.rows, w.cols);
  GEMRING_CHECK(w.cols % block_elements(w.type) == 0, "rows of {} elements of {}", w.cols, name(w.type));
}

const TokenTiles& tiles_of(LinearInput& x, LinearScratch& scratch) {
  if (x.tiles.data != nullptr) return x.tiles;
  const TraceSpan span("pack", SpanKind::pack, x.tokens());
  x.tiles = pack_tiles(x.rows, scratch.input_tiles());
  return x.tiles;
}

const Int8Tokens& bytes_of(LinearInput& x, LinearScratch& scratch) {
  if (x.bytes.data != nullptr) return x.bytes;
  const TraceSpan span("pack", SpanKind::pack, x.tokens());
  x.bytes = pack_int8(x.rows, scratch.token_blocks());
  return x.bytes;
}

void linear_f32(const LinearInput& x, const WeightMatrix& w, MatrixView<float> out, bool add, LinearScratch& scratch) {
  if (scratch.counted(x.tokens()) == 1)
    linear_alone(x.rows, w, out, add, scratch);
  else if (x.tokens() < kFewTokens)
    linear_few(x.rows, w, out, add, scratch);
  else
    linear_many(x.rows, w, out, add, scratch);
}

}  // namespace

bool runs_on_tiles(std::size_t tokens, Compute compute) {
  return tokens > 1 && compute.many == ComputeType::bf16 && compute.many_blocks == ComputeType::bf16;
}

std::size_t linear_scratch_bytes(const LinearSizes& sizes, Compute compute, std::size_t threads) {
  const TypesInUse types(sizes.tokens, compute);
  const ScratchSizes parts(sizes, types);
  // int8 products make gate and up at once, tiles the next product's input; else, and of single rows, both are written.
  const std::size_t up = types.f32 || (types.tiles && types.int8) ? parts.gate : sizes.alone * sizes.gated;
  return (parts.gate + up + threads * parts.panel) * sizeof(float) +
         sizes.alone * activation_chunks(parts.inputs) * sizeof(ActivationChunk) +
         (parts.input_tiles + parts.gated_tiles) * sizeof(std::uint16_t) + parts.token_blocks * sizeof(TokenBlock) +
         (types.tiles ? TileScratch::bytes(sizes.tokens, parts.inputs, threads) : 0) +
         (types.int8 ? Int8Scratch::bytes(sizes.tokens, threads) : 0);
}

LinearScratch::LinearScratch(const LinearSizes& sizes) {
  const TypesInUse types(sizes.tokens, active_compute());
  const ScratchSizes parts(sizes, types);
  panel_elements_ = parts.panel;
  panels_ = Buffer<float>(parts.panel * static_cast<std::size_t>(omp_get_max_threads()));
  shares_ = std::vector<RowShare>(static_cast<std::size_t>(omp_get_max_threads()));
  activation_chunks_ = activation_chunks(parts.inputs);
  activations_ = Buffer<ActivationChunk>(sizes.alone * activation_chunks_);
  gate_ = Buffer<float>(parts.gate);
  up_ = Buffer<float>(parts.gate);
  input_tiles_ = Buffer<std::uint16_t>(parts.input_tiles);
  gated_tiles_ = Buffer<std::uint16_t>(parts.gated_tiles);
  token_blocks_ = Buffer<TokenBlock>(parts.token_blocks);
  if (types.tiles) tiles_ = TileScratch(sizes.tokens, parts.inputs);
  if (types.int8) int8_ = Int8Scratch(sizes.tokens);
}

float* LinearScratch::panel(int thread, std::size_t elements) {
  GEMRING_CHECK(elements <= panel_elements_, "a panel of {} elements, scratch for {}", elements, panel_elements_);
  return panels_.data() + static_cast<std::size_t>(thread) * panel_elements_;
}

void linear(LinearInput& x, const WeightMatrix& weights, MatrixView<float> out, Output output, LinearScratch& scratch) {
  check_shapes(x, weights);
  GEMRING_CHECK(out.cols() == weights.rows && out.rows() == x.tokens(), "{} tokens, weights [{}, {}], out [{}, {}]",
                x.tokens(), weights.rows, weights.cols, out.rows(), out.cols());
  const bool add = output == Output::add;
  if (x.tokens() == 0) return;
  const std::size_t tokens = scratch.counted(x.tokens());
  const auto type_of = scratch.last() ? type_of_prompt_logits : type_of_products;
  switch (type_of(active_compute(), tokens, weights.type)) {
    case ComputeType::f32:
      return linear_f32(x, weights, out, add, scratch);
    case ComputeType::bf16:
      return multiply_tiles(tiles_of(x, scratch), weights, out, add, scratch.tiles());
    case ComputeType::int8:
      if (tokens == 1) return linear_alone_int8(x.rows, weights, out, add, scratch);
      return multiply_int8(bytes_of(x, scratch), weights, out, add, scratch.int8());
  }
}

void linear(MatrixView<const float> x, const WeightMatrix& weights, MatrixView<float> out, Output output,
            LinearScratch& scratch) {
  LinearInput input(x);
  linear(input, weights, out, output, scratch);
}

LinearInput gated(LinearInput& x, const GatedWeights& weights, DataType next, LinearScratch& scratch) {
  check_shapes(x, weights.gate);
  check_shapes(x, weights.up);
  GEMRING_CHECK(weights.gate.rows == weights.up.rows, "{} and {} rows", weights.gate.rows, weights.up.rows);
  const std::size_t tokens = scratch.counted(x.tokens());
  const auto all_in = [&](ComputeType wanted) {
    const auto in_it = [&](DataType type) { return type_of_products(active_compute(), tokens, type) == wanted; };
    return in_it(weights.gate.type) && in_it(weights.up.type) && in_it(next);
  };
  if (all_in(ComputeType::bf16))
    return LinearInput(multiply_gated_tiles(tiles_of(x, scratch), weights, scratch.gated_tiles(), scratch.tiles()));
  const auto gate = scratch.gate(x.tokens(), weights.gate.rows);
  if (tokens > 1 && all_in(ComputeType::int8) && weights.gate.type == weights.up.type) {
    multiply_gated_int8(bytes_of(x, scratch), weights, gate, scratch.int8());
    return LinearInput(gate);
  }
  const auto up = scratch.up(x.tokens(), weights.gate.rows);
  linear(x, weights.gate, gate, Output::overwrite, scratch);
  linear(x, weights.up, up, Output::overwrite, scratch);
  if (!weights.gate_bias.empty()) add_bias(gate, weights.gate_bias);
  if (!weights.up_bias.empty()) add_bias(up, weights.up_bias);
  silu_times(gate, up);
  return LinearInput(gate);
}

}  // namespace gemring
