#include "engine/kernels/probe.h"

#include <cblas.h>
#include <omp.h>

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/kernels/blas_info.h"
#include "engine/kernels/kernel_table.h"

namespace gemring {
namespace {

constexpr std::size_t kFirstRounds = 1 << 18;
constexpr double kWantedSeconds = 0.1;  // long against starting the threads, short against other loads

/// Seconds until every thread has done its rounds.
double probe_seconds(float (*probe)(std::size_t), std::size_t rounds) {
  float sum = 0;
  const double start = steady_seconds();
#pragma omp parallel reduction(+ : sum)
  sum += probe(rounds);
  const double seconds = steady_seconds() - start;
  GEMRING_CHECK(sum > 0, "the probe's sums are {}", sum);
  return seconds;
}

/// Operations of all threads together, 1e9 / s.
double giga_rate(float (*probe)(std::size_t), std::size_t operations_a_round) {
  const double first = probe_seconds(probe, kFirstRounds);
  const auto rounds = static_cast<std::size_t>(kFirstRounds * std::max(kWantedSeconds / first, 1.0));
  const double seconds = probe_seconds(probe, rounds);
  return static_cast<double>(operations_a_round * rounds) * omp_get_max_threads() / seconds / 1e9;
}

}  // namespace

double measure_f32_fma_gflops() {
  return giga_rate(kernels().fma_probe, kernels().fma_probe_flop);
}

std::optional<double> measure_bf16_gflops() {
  if (kernels().bf16_probe == nullptr) return std::nullopt;
  return giga_rate(kernels().bf16_probe, kernels().bf16_probe_flop);
}

std::optional<double> measure_int8_gops() {
  if (kernels().int8_probe == nullptr) return std::nullopt;
  return giga_rate(kernels().int8_probe, kernels().int8_probe_op);
}

bool bf16_is_faster() {
  constexpr double kClearly = 1.15;
  // Other loads take a core for milliseconds: of so many turns of a tenth of one some are left alone, and the answer
  // must not depend on them, for results do.
  constexpr std::size_t kRounds = 1 << 14;
  constexpr int kTurns = 40;
  const KernelTable& table = kernels_of(Isa::avx512bf16);
  const auto rate = [](float (*probe)(std::size_t), std::size_t flop) {
    const double start = steady_seconds();
    GEMRING_CHECK(probe(kRounds) > 0, "the probe's sums are not above 0");
    return static_cast<double>(flop) / (steady_seconds() - start);
  };
  double f32 = 0;
  double bf16 = 0;
  for (int turn = 0; turn < kTurns; ++turn) {  // the best: other loads only lower it
    f32 = std::max(f32, rate(table.fma_probe, table.fma_probe_flop));
    bf16 = std::max(bf16, rate(table.bf16_probe, table.bf16_probe_flop));
  }
  return bf16 > kClearly * f32;
}

double measure_sgemm_seconds(MatrixView<const float> x, MatrixView<const float> w, MatrixView<float> out) {
  GEMRING_CHECK(x.cols() == w.cols() && out.rows() == x.rows() && out.cols() == w.rows(), "x [{}, {}], w [{}, {}]",
                x.rows(), x.cols(), w.rows(), w.cols());
  openblas_set_num_threads(omp_get_max_threads());
  const double start = steady_seconds();
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(x.rows()), static_cast<int>(w.rows()),
              static_cast<int>(x.cols()), 1.0f, x.data(), static_cast<int>(x.stride()), w.data(),
              static_cast<int>(w.stride()), 0.0f, out.data(), static_cast<int>(out.stride()));
  const double seconds = steady_seconds() - start;
  make_blas_single_threaded();
  return seconds;
}

}  // namespace gemring
