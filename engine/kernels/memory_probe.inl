// How fast a thread reads memory: nothing but loads, as many of them in flight as the processor keeps. See
// memory_probe.h.

namespace gemring {
namespace {

/// Sum of `count` words (a multiple of 16 vectors). The result only keeps the compiler from leaving the work out.
std::uint32_t read_probe(const std::uint32_t* words, std::size_t count) {
  constexpr std::size_t kSums = 8;
  Words sums[kSums] = {};
  for (std::size_t i = 0; i < count; i += kSums * W) {
    // Ahead of what the processor fetches by itself, which ends at every page.
    for (std::size_t byte = 0; byte < kSums * W * 4; byte += 64)
      __builtin_prefetch(reinterpret_cast<const char*>(words + i) + kReadAhead + byte);
    for (std::size_t u = 0; u < kSums; ++u) sums[u] += *reinterpret_cast<const Words*>(words + i + u * W);
  }
  Words sum = {};
  for (std::size_t u = 0; u < kSums; ++u) sum += sums[u];
  std::uint32_t total = 0;
  for (std::size_t lane = 0; lane < W; ++lane) total += sum[lane];
  return total;
}

}  // namespace
}  // namespace gemring
