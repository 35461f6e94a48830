// What the tile unit can do at best: products that do not wait for each other. See probe.h.
#include "engine/kernels/amx/tiles.h"
#include "engine/kernels/kernel_table.h"

namespace gemring {
namespace {

constexpr std::size_t kChains = 4;  // latency / throughput of a product, 52 / 16 cycles

/// kChains products a round of tiles of ones with an accumulator each; the first sum of each accumulator, added up.
template <class Element, class Multiply>
float probe(std::size_t rounds, Element one, const Multiply& multiply) {
  alignas(64) Element ones[kTileBytes / sizeof(Element)];
  for (Element& x : ones) x = one;
  const TilesInUse tiles;
  load_tile<4>(ones);
  load_tile<5>(ones);
  zero_tile<0>();
  zero_tile<1>();
  zero_tile<2>();
  zero_tile<3>();
  for (std::size_t round = 0; round < rounds; ++round) multiply();
  using Sum = decltype(multiply());
  alignas(64) Sum sums[kChains][kTileBytes / sizeof(Sum)];
  store_tile<0>(sums[0]);
  store_tile<1>(sums[1]);
  store_tile<2>(sums[2]);
  store_tile<3>(sums[3]);
  float total = 0;
  for (const auto& chain : sums) total += static_cast<float>(chain[0]);
  return total;
}

float bf16_probe(std::size_t rounds) {
  constexpr std::uint16_t kOne = 0x3f80;
  return probe(rounds, kOne, [] {
    multiply_bf16_tiles<0, 4, 5>();
    multiply_bf16_tiles<1, 4, 5>();
    multiply_bf16_tiles<2, 4, 5>();
    multiply_bf16_tiles<3, 4, 5>();
    return 0.0f;
  });
}

float int8_probe(std::size_t rounds) {
  return probe(rounds, std::int8_t{1}, [] {
    multiply_int8_tiles<0, 4, 5>();
    multiply_int8_tiles<1, 4, 5>();
    multiply_int8_tiles<2, 4, 5>();
    multiply_int8_tiles<3, 4, 5>();
    return std::int32_t{0};
  });
}

}  // namespace

extern void use_amx_probes(KernelTable& table);
void use_amx_probes(KernelTable& table) {
  table.bf16_probe = bf16_probe;
  table.bf16_probe_flop = 2 * 16 * 16 * 32 * kChains;
  table.int8_probe = int8_probe;
  table.int8_probe_op = 2 * 16 * 16 * 64 * kChains;
}

}  // namespace gemring
