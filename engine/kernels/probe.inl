// What the vector units can do at best: sums that do not wait for each other. See probe.h.

namespace gemring {
namespace {

constexpr std::size_t kChains = 12;  // at least latency x units (4 x 2 on x86-64), at most 16 registers less two

/// `rounds` fused multiply-adds (a multiplication and an addition where the set has no FMA) on each of kChains vectors:
/// 2 x W x kChains x rounds FLOP. The result only keeps the compiler from leaving the work out.
float fma_probe(std::size_t rounds) {
  const Floats factor = splat(0.999f);
  const Floats term = splat(0.001f);
  Floats chains[kChains];
#pragma GCC unroll 12
  for (std::size_t i = 0; i < kChains; ++i) chains[i] = splat(static_cast<float>(i));
  for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (std::size_t i = 0; i < kChains; ++i) chains[i] = chains[i] * factor + term;
  }
  Floats sum{};
#pragma GCC unroll 12
  for (std::size_t i = 0; i < kChains; ++i) sum += chains[i];
  return sum_of(sum);
}

constexpr std::size_t kFlopPerRound = 2 * W * kChains;

}  // namespace
}  // namespace gemring
