// What the dot products of bytes can do at best: sums that do not wait for each other. See probe.h.
#include <immintrin.h>

#include "engine/kernels/kernel_table.h"

namespace gemring {
namespace {

constexpr std::size_t kChains = 24;  // well above latency x units, 5 x 2

/// kChains dot products a round, of ones, each with sums of its own; all of them added up in the end.
float int8_probe(std::size_t rounds) {
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i chains[kChains];
#pragma GCC unroll 24
  for (auto& chain : chains) {
    chain = _mm512_setzero_si512();
    asm volatile("" : "+v"(chain));  // or the compiler knows that all chains are the same, and keeps one
  }
  for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
    for (auto& chain : chains)
      asm("vpdpbusd %1, %1, %0" : "+v"(chain) : "v"(ones));  // g++ 12 copies its intrinsic's sums
  }
  // Of all chains, too much for an integer; the plain conversion draws a false warning of g++ 12.
  __m512 sum = _mm512_setzero_ps();
#pragma GCC unroll 24  // what has an address would be stored every round
  for (const __m512i& chain : chains) sum = _mm512_add_ps(sum, _mm512_maskz_cvtepi32_ps(0xffff, chain));
  return _mm512_reduce_add_ps(sum);
}

}  // namespace

extern void use_avx512vnni_probe(KernelTable& table);
void use_avx512vnni_probe(KernelTable& table) {
  table.int8_probe = int8_probe;
  table.int8_probe_op = 2 * 64 * kChains;
}

}  // namespace gemring
