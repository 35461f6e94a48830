#include "engine/kernels/linear.h"

#include <cblas.h>
#include <omp.h>

#include <algorithm>

#include "engine/base/check.h"

namespace gemring {
namespace {

constexpr std::size_t kFewTokens = 12;    // below this the conversion of a panel costs more than sgemm gains
constexpr std::size_t kRowsPerTask = 64;  // of a matrix-vector product

void linear_few(MatrixView<const float> x, const WeightMatrix& w, MatrixView<float> out, bool add) {
  const KernelTable& table = kernels();
#pragma omp parallel for schedule(static)
  for (std::size_t begin = 0; begin < w.rows; begin += kRowsPerTask) {
    table.dot_rows(w, begin, std::min(begin + kRowsPerTask, w.rows), x.data(), x.stride(), x.rows(), out.data(),
                   out.stride(), add);
  }
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
      memory_(elements_ * static_cast<std::size_t>(omp_get_max_threads())) {}

void linear(MatrixView<const float> x, const WeightMatrix& weights, MatrixView<float> out, Output output,
            LinearScratch& scratch) {
  GEMRING_CHECK(x.cols() == weights.cols && out.cols() == weights.rows && out.rows() == x.rows(),
                "x [{}, {}], weights [{}, {}], out [{}, {}]", x.rows(), x.cols(), weights.rows, weights.cols,
                out.rows(), out.cols());
  GEMRING_CHECK(weights.cols % block_elements(weights.type) == 0, "rows of {} elements of {}", weights.cols,
                name(weights.type));
  if (x.rows() == 0) return;
  if (x.rows() < kFewTokens)
    linear_few(x, weights, out, output == Output::add);
  else
    linear_many(x, weights, out, output == Output::add, scratch);
}

}  // namespace gemring
