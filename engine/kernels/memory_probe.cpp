#include "engine/kernels/memory_probe.h"

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "engine/base/check.h"
#include "engine/kernels/kernel_table.h"

namespace gemring {
namespace {

constexpr std::size_t kWanted = std::size_t{1} << 30;  // more than any cache; a model's weights are no less
constexpr std::size_t kUnit = std::size_t{2} << 20;    // bytes; a huge page, so that no two threads write into one
constexpr int kPasses = 5;                             // other loads only lower a rate: the best counts

std::size_t fitting_bytes() {
  const auto free = static_cast<std::size_t>(std::max(sysconf(_SC_AVPHYS_PAGES), 0L)) *
                    static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return std::min(kWanted, free / 4);
}

}  // namespace

MemoryProbe::MemoryProbe(std::size_t bytes) {
  const auto threads = static_cast<std::size_t>(omp_get_max_threads());
  const std::size_t units = std::max<std::size_t>((bytes == 0 ? fitting_bytes() : bytes) / (threads * kUnit), 1);
  words_of_thread_ = units * kUnit / sizeof(std::uint32_t);
  words_ = Buffer<std::uint32_t>(words_of_thread_ * threads);
#pragma omp parallel
  {
    std::uint32_t* own = words_.data() + static_cast<std::size_t>(omp_get_thread_num()) * words_of_thread_;
    std::fill_n(own, words_of_thread_, 1u);
  }
}

double MemoryProbe::read_gbs() const {
  const KernelTable& table = kernels();
  const auto start = std::chrono::steady_clock::now();
  std::uint32_t sum = 0;
#pragma omp parallel reduction(+ : sum)
  sum += table.read_probe(words_.data() + static_cast<std::size_t>(omp_get_thread_num()) * words_of_thread_,
                          words_of_thread_);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  GEMRING_CHECK(sum == static_cast<std::uint32_t>(words_.size()), "{} words are {} ones", words_.size(), sum);
  return static_cast<double>(words_.size() * sizeof(std::uint32_t)) / seconds / 1e9;
}

double measure_memory_read_gbs() {
  const MemoryProbe probe;
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) best = std::max(best, probe.read_gbs());
  return best;
}

}  // namespace gemring
