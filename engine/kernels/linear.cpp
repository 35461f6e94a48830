#include "engine/kernels/linear.h"

#include <cblas.h>
#include <omp.h>

#include <algorithm>

#include "engine/base/check.h"
#include "engine/kernels/compute.h"

namespace gemring {
namespace {

constexpr std::size_t kRowsOfLine = 16;           // outputs in a cache line: no two threads write into one
constexpr std::size_t kBytesOfPiece = 128 << 10;  // of weights; some microseconds, long against taking the next piece

/// Calls work(begin, end) for pieces of the rows, from all threads. Each begins with its own consecutive share, always
/// the same, which it reads as one stream from its own memory; whoever is done first helps the others: one processor
/// that is held up would hold up all.
template <class Work>
void share_rows(const WeightMatrix& w, LinearScratch& scratch, Work work) {
  const std::size_t lines = (w.rows + kRowsOfLine - 1) / kRowsOfLine;
  const std::size_t line_bytes = kRowsOfLine * row_bytes(w.type, w.cols);
  const std::size_t piece = std::max<std::size_t>(kBytesOfPiece / line_bytes, 1) * kRowsOfLine;
  const auto all = scratch.shares();
  const auto shares = all.first(std::min(all.size(), static_cast<std::size_t>(omp_get_max_threads())));
  for (std::size_t i = 0; i < shares.size(); ++i) {
    shares[i].next.store(lines * i / shares.size() * kRowsOfLine, std::memory_order_relaxed);
    shares[i].end = std::min(lines * (i + 1) / shares.size() * kRowsOfLine, w.rows);
  }
#pragma omp parallel num_threads(static_cast <int>(shares.size()))
  for (std::size_t i = 0; i < shares.size(); ++i) {
    RowShare& share = shares[(i + static_cast<std::size_t>(omp_get_thread_num())) % shares.size()];
    for (;;) {
      const std::size_t begin = share.next.fetch_add(piece, std::memory_order_relaxed);
      if (begin >= share.end) break;
      work(begin, std::min(begin + piece, share.end));
    }
  }
}

void linear_few(MatrixView<const float> x, const WeightMatrix& w, MatrixView<float> out, bool add,
                LinearScratch& scratch) {
  const KernelTable& table = kernels();
  share_rows(w, scratch, [&](std::size_t begin, std::size_t end) {
    table.dot_rows(w, begin, end, x.data(), x.stride(), x.rows(), out.data(), out.stride(), add);
  });
}

/// The same with activations in 8 bits.
void linear_few_int8(MatrixView<const float> x, const WeightMatrix& w, MatrixView<float> out, bool add,
                     LinearScratch& scratch) {
  const KernelTable& table = kernels();
  ActivationChunk* activations = scratch.activations();
  const std::size_t chunks = activation_chunks(w.cols);
#pragma omp parallel for schedule(static) if (x.rows() > 1)
  for (std::size_t t = 0; t < x.rows(); ++t)
    table.quantise_activations(w.type, x.row(t), w.cols, activations + t * chunks);
  share_rows(w, scratch, [&](std::size_t begin, std::size_t end) {
    table.dot_rows_int8(w, begin, end, activations, x.rows(), out.data(), out.stride(), add);
  });
}

/// Outputs per panel: at least two panels a thread, so that one that is held up does not hold up all; a multiple of the
/// register tiles of sgemm.
std::size_t panel_rows(std::size_t rows) {
  const std::size_t half_share = rows / (2 * static_cast<std::size_t>(omp_get_max_threads()));
  const std::size_t fitting = std::max<std::size_t>(half_share / 32 * 32, 32);
  return std::min(LinearScratch::kPanelRows, fitting);
}

void linear_many(MatrixView<const float> x, const WeightMatrix& w, MatrixView<float> out, bool add,
                 LinearScratch& scratch) {
  const KernelTable& table = kernels();
  const std::size_t step = panel_rows(w.rows);
  const std::size_t stride = row_bytes(w.type, w.cols);
#pragma omp parallel for schedule(dynamic)
  for (std::size_t begin = 0; begin < w.rows; begin += step) {
    const std::size_t count = std::min(step, w.rows - begin);
    const auto* stored = static_cast<const std::byte*>(w.data) + begin * stride;
    const float* panel = reinterpret_cast<const float*>(stored);
    // sgemm wants aligned floats; a file gives any alignment.
    if (w.type != DataType::f32 || reinterpret_cast<std::uintptr_t>(stored) % alignof(float) != 0) {
      float* converted = scratch.panel(omp_get_thread_num());
      table.widen(w.type, stored, converted, count * w.cols);
      panel = converted;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(x.rows()), static_cast<int>(count),
                static_cast<int>(w.cols), 1.0f, x.data(), static_cast<int>(x.stride()), panel, static_cast<int>(w.cols),
                add ? 1.0f : 0.0f, out.data() + begin, static_cast<int>(out.stride()));
  }
}

}  // namespace

LinearScratch::LinearScratch(std::size_t max_cols)
    : elements_((max_cols * kPanelRows + 1023) / 1024 * 1024),
      memory_(elements_ * static_cast<std::size_t>(omp_get_max_threads())),
      shares_(static_cast<std::size_t>(omp_get_max_threads())),
      activations_((kFewTokens - 1) * activation_chunks(max_cols)) {}

void linear(MatrixView<const float> x, const WeightMatrix& weights, MatrixView<float> out, Output output,
            LinearScratch& scratch) {
  GEMRING_CHECK(x.cols() == weights.cols && out.cols() == weights.rows && out.rows() == x.rows(),
                "x [{}, {}], weights [{}, {}], out [{}, {}]", x.rows(), x.cols(), weights.rows, weights.cols,
                out.rows(), out.cols());
  GEMRING_CHECK(weights.cols % block_elements(weights.type) == 0, "rows of {} elements of {}", weights.cols,
                name(weights.type));
  if (x.rows() == 0) return;
  const bool add = output == Output::add;
  if (x.rows() >= LinearScratch::kFewTokens)
    linear_many(x, weights, out, add, scratch);
  else if (active_compute().few == ComputeType::int8 && is_block_type(weights.type))
    linear_few_int8(x, weights, out, add, scratch);
  else
    linear_few(x, weights, out, add, scratch);
}

}  // namespace gemring
