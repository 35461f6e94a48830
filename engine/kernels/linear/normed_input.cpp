#include "engine/kernels/linear/normed_input.h"

#include <omp.h>

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/rounding.h"
#include "engine/base/trace.h"
#include "engine/kernels/elementwise.h"

namespace gemring {
std::size_t normed_rows(std::size_t tokens, Compute compute, std::size_t threads) {
  return runs_on_tiles(tokens, compute) ? std::min(tokens, threads * kTileSide) : tokens;
}

LinearInput normed_input(MatrixView<const float> x, std::span<const float> weight, float epsilon,
                         MatrixView<float> normed, LinearScratch& scratch) {
  const auto threads = static_cast<std::size_t>(omp_get_max_threads());
  GEMRING_CHECK(x.cols() == weight.size() && normed.cols() == x.cols() &&
                    normed.rows() >= (scratch.alone() ? x.rows() : normed_rows(x.rows(), active_compute(), threads)),
                "x [{}, {}], weight [{}], scratch [{}, {}]", x.rows(), x.cols(), weight.size(), normed.rows(),
                normed.cols());
  if (!runs_on_tiles(scratch.counted(x.rows()), active_compute())) {
    const auto rows = normed.rows(0, x.rows());
    rms_norm(x, weight, epsilon, rows);
    return LinearInput(rows);
  }
  const TraceSpan span("norm, pack", SpanKind::norm, x.rows());
  const KernelTable& table = kernels();
  const TokenTiles packed{scratch.input_tiles(), x.rows(), x.cols()};
  const std::size_t tiles = side_tiles(x.rows());
#pragma omp parallel for schedule(static)
  for (std::size_t t = 0; t < round_up(tiles, 2); ++t) {
    const std::size_t begin = std::min(t * kTileSide, x.rows());
    const std::size_t count = std::min(kTileSide, x.rows() - begin);
    const std::size_t slot = tiles <= threads ? std::min(t, tiles - 1) : static_cast<std::size_t>(omp_get_thread_num());
    const auto own = normed.rows(slot * kTileSide, slot * kTileSide + count);
    for (std::size_t r = 0; r < count; ++r)
      table.rms_norm(x.row(begin + r), weight.data(), epsilon, own.row(r), x.cols());
    table.tiles.pack_tokens(own.data(), own.stride(), count, x.cols(), packed.token_tile(t));
  }
  return LinearInput(packed);
}

}  // namespace gemring
