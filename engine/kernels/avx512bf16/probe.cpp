// What bf16 dot products of pairs can do at best: sums that do not wait for each other. See probe.h.
#include <immintrin.h>

#include "engine/kernels/kernel_table.h"

namespace gemring {
namespace {

constexpr std::size_t kChains = 24;  // well above latency x units, 6 x 2

/// kChains dot products a round, of ones, each with sums of its own; all of them added up in the end.
float bf16_probe(std::size_t rounds) {
  const __m512i pattern = _mm512_set1_epi16(0x3f80);
  __m512bh ones;
  __builtin_memcpy(&ones, &pattern, sizeof(ones));
  __m512 chains[kChains];
#pragma GCC unroll 24
  for (auto& chain : chains) {
    chain = _mm512_setzero_ps();
    asm volatile("" : "+v"(chain));  // or the compiler knows that all chains are the same, and keeps one
  }
  for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
    for (auto& chain : chains) chain = _mm512_dpbf16_ps(chain, ones, ones);
  }
  __m512 sum = _mm512_setzero_ps();
#pragma GCC unroll 24  // what has an address would be stored every round
  for (const __m512& chain : chains) sum = _mm512_add_ps(sum, chain);
  return _mm512_reduce_add_ps(sum);
}

}  // namespace

extern void use_avx512bf16_probe(KernelTable& table);
void use_avx512bf16_probe(KernelTable& table) {
  table.bf16_probe = bf16_probe;
  table.bf16_probe_flop = 2 * 32 * kChains;
}

}  // namespace gemring
