// Single kernels of every instruction set that this machine has, one thread, operands in the caches: a Google Benchmark
// program. What whole products reach as a share of the machine's limits says `gemring bench kernels`.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/kernels/kernel_table.h"
#include "engine/tensor/buffer.h"
#include "launch/measure/kernel_rates/operands.h"
#include "launch/start/prepare_process.h"

namespace gemring {
namespace {

constexpr std::size_t kInputs = 2048;    // bench/reference_shape.json: hidden
constexpr std::size_t kRows = 64;        // of a matrix that fits an L2 in every type
constexpr std::size_t kHeadDim = 64;     // of the same shape
constexpr std::size_t kGroup = 4;        // query heads of a key head
constexpr std::size_t kTileTokens = 48;  // 192 query heads: a tile of engine/kernels/attention/attention.cpp
constexpr std::size_t kKeys = 1024;

constexpr DataType kTypes[] = {DataType::f32,  DataType::f16,  DataType::bf16, DataType::q8_0,
                               DataType::q4_0, DataType::q4_1, DataType::q5_0, DataType::q5_1,
                               DataType::q4_k, DataType::q5_k, DataType::q6_k};

/// FLOP (or bytes) per second beside the time; "G/s" is 1e9 of them.
void count(benchmark::State& state, const char* unit, double of_iteration) {
  state.counters[unit] = benchmark::Counter(of_iteration * static_cast<double>(state.iterations()),
                                            benchmark::Counter::kIsRate, benchmark::Counter::kIs1000);
}

/// One token: rows of weights times f32 activations, or activations of 8 bits.
void dot_rows(benchmark::State& state, const KernelTable& table, DataType type, bool int8) {
  const Buffer<float> x = random_floats(kInputs, 1);
  const Buffer<std::byte> stored = stored_weights(type, random_floats(kRows * kInputs, 2));
  const WeightMatrix weights{type, stored.data(), kRows, kInputs};
  Buffer<ActivationChunk> chunks(activation_chunks(kInputs));
  if (int8) table.quantise_activations(type, x.data(), kInputs, chunks.data());
  Buffer<float> out(kRows);
  for ([[maybe_unused]] auto iteration : state) {
    if (int8) {
      table.dot_rows_int8(weights, {0, kRows / 2, kRows / 2}, chunks.data(), out.data(), false);
    } else {
      table.dot_rows(weights, {0, kRows / 2, kRows / 2}, x.data(), kInputs, 1, out.data(), kRows, false);
    }
    benchmark::ClobberMemory();
  }
  count(state, "bytes/s", static_cast<double>(stored.size()));
}

void quantise_activations(benchmark::State& state, const KernelTable& table) {
  const Buffer<float> x = random_floats(kInputs, 1);
  Buffer<ActivationChunk> chunks(activation_chunks(kInputs));
  for ([[maybe_unused]] auto iteration : state) {
    table.quantise_activations(DataType::q8_0, x.data(), kInputs, chunks.data());
    benchmark::ClobberMemory();
  }
  count(state, "bytes/s", kInputs * sizeof(float));
}

/// 128 rows of weights times 32 tokens, 1024 inputs: half a MiB of tiles.
void tile_product(benchmark::State& state, const KernelTable& table) {
  constexpr std::size_t kRowPairs = 4;
  constexpr std::size_t kDepth = 32;
  const auto tiles = [](std::size_t elements, std::uint32_t seed) { return as_bf16(random_floats(elements, seed)); };
  const Buffer<std::uint16_t> weights = tiles(kRowPairs * kDepth * kPairElements, 1);
  const Buffer<std::uint16_t> tokens = tiles(kDepth * kPairElements, 2);
  Buffer<float> sums(sums_offset(2 * kRowPairs, 0));
  for ([[maybe_unused]] auto iteration : state) {
    table.tiles.multiply({weights.data(), tokens.data(), kRowPairs, kDepth, sums.data(), true, nullptr});
    benchmark::ClobberMemory();
  }
  count(state, "FLOP/s", 2.0 * kRowPairs * 2 * kTileSide * 2 * kTileSide * kDepth * kTileInputs);
}

/// Rows of weights into tiles, chunk by chunk.
void pack_weights(benchmark::State& state, const KernelTable& table, DataType type) {
  const Buffer<std::byte> stored = stored_weights(type, random_floats(kInputs, 2));
  Buffer<std::uint16_t> tiles(kChunkTiles * kPairElements);
  for ([[maybe_unused]] auto iteration : state) {
    for (std::size_t first = 0; first < kInputs; first += kChunkInputs)
      table.tiles.pack_weights(type, stored.data() + row_bytes(type, first), kChunkInputs, tiles.data());
    benchmark::ClobberMemory();
  }
  count(state, "values/s", kInputs);
}

void widen(benchmark::State& state, const KernelTable& table, DataType type) {
  const Buffer<std::byte> stored = stored_weights(type, random_floats(kInputs, 2));
  Buffer<float> out(kInputs);
  for ([[maybe_unused]] auto iteration : state) {
    table.widen(type, stored.data(), out.data(), kInputs);
    benchmark::ClobberMemory();
  }
  count(state, "values/s", kInputs);
}

void rms_norm(benchmark::State& state, const KernelTable& table) {
  const Buffer<float> x = random_floats(kInputs, 1);
  const Buffer<float> weight = random_floats(kInputs, 2);
  Buffer<float> out(kInputs);
  for ([[maybe_unused]] auto iteration : state) {
    table.rms_norm(x.data(), weight.data(), 1e-5f, out.data(), kInputs);
    benchmark::ClobberMemory();
  }
  count(state, "values/s", kInputs);
}

void silu_times(benchmark::State& state, const KernelTable& table) {
  const Buffer<float> up = random_floats(kInputs, 2);
  const Buffer<float> start = random_floats(kInputs, 1);
  Buffer<float> gate(kInputs);
  for ([[maybe_unused]] auto iteration : state) {
    std::copy_n(start.data(), kInputs, gate.data());  // in place: it would shrink to denormal numbers
    table.silu_times(gate.data(), up.data(), kInputs);
    benchmark::ClobberMemory();
  }
  count(state, "values/s", kInputs);
}

/// RoPE of one head.
void rotate(benchmark::State& state, void (*kernel)(float*, const float*, const float*, std::size_t)) {
  Buffer<float> x = random_floats(kHeadDim, 1);
  std::vector<float> cos(kHeadDim / 2, 0.6f);
  std::vector<float> sin(kHeadDim / 2, 0.8f);
  for ([[maybe_unused]] auto iteration : state) {
    kernel(x.data(), cos.data(), sin.data(), kHeadDim / 2);
    benchmark::ClobberMemory();
  }
  count(state, "values/s", kHeadDim);
}

using AttentionKernel = void (*)(const AttentionTile&, float*);
using ScratchSize = std::size_t (*)(std::size_t, std::size_t);

/// Scores, online softmax and outputs of one tile: `tokens` tokens that share a key head, all of whose keys they see.
void attention(benchmark::State& state, AttentionKernel kernel, ScratchSize scratch_size, std::size_t tokens) {
  const std::size_t rows = tokens * kGroup;
  const Buffer<float> queries = random_floats(rows * kHeadDim, 1);
  const Buffer<std::uint16_t> keys = as_bf16(random_floats(kKeys * kHeadDim, 2));
  const Buffer<std::uint16_t> values = as_bf16(random_floats(kKeys * kHeadDim, 3));
  Buffer<float> outputs(rows * kHeadDim);
  Buffer<float> maxima(rows);
  Buffer<float> sums(rows);
  Buffer<float> scratch(scratch_size(rows, kHeadDim));
  const std::vector<KeyRange> seen(tokens, KeyRange{0, static_cast<std::int32_t>(kKeys)});
  AttentionTile tile{};
  tile.queries = queries.data();
  tile.tokens = tokens;
  tile.heads = kGroup;
  tile.kv = {DataType::bf16, keys.data(), values.data(), kKeys, 1, kHeadDim};
  tile.seen = seen.data();
  tile.scale = static_cast<float>(1.4426950408889634 / std::sqrt(static_cast<double>(kHeadDim)));
  tile.outputs = outputs.data();
  tile.maxima = maxima.data();
  tile.sums = sums.data();
  tile.first = true;
  tile.last = true;
  for ([[maybe_unused]] auto iteration : state) {
    kernel(tile, scratch.data());
    benchmark::ClobberMemory();
  }
  count(state, "FLOP/s", 4.0 * static_cast<double>(rows * kKeys * kHeadDim));
}

template <class Function, class... Arguments>
void add(Isa isa, const std::string& what, Function function, Arguments... arguments) {
  benchmark::RegisterBenchmark(fmt::format("{}/{}", what, name(isa)).c_str(), function, arguments...);
}

void add_kernels_of(Isa isa) {
  const KernelTable& table = kernels_of(isa);
  const auto with_table = [&table](auto function, auto... arguments) {
    return [&table, function, arguments...](benchmark::State& state) { function(state, table, arguments...); };
  };
  for (const DataType type : kTypes) {
    add(isa, fmt::format("dot_rows/{}", name(type)), with_table(dot_rows, type, false));
    if (block_elements(type) > 1 && table.dot_rows_int8 != nullptr)
      add(isa, fmt::format("dot_rows_int8/{}", name(type)), with_table(dot_rows, type, true));
    if (type != DataType::f32) add(isa, fmt::format("widen/{}", name(type)), with_table(widen, type));
    if (table.tiles.pack_weights != nullptr)
      add(isa, fmt::format("pack_weights/{}", name(type)), with_table(pack_weights, type));
  }
  if (table.quantise_activations != nullptr) add(isa, "quantise_activations", with_table(quantise_activations));
  if (table.tiles.multiply != nullptr) add(isa, "tile_product", with_table(tile_product));
  add(isa, "rms_norm", with_table(rms_norm));
  add(isa, "silu_times", with_table(silu_times));
  add(isa, "rotate", rotate, table.rotate);
  add(isa, "rotate_interleaved", rotate, table.rotate_interleaved);
  add(isa, "attention_tile", attention, table.attention_tile, table.attention_scratch, kTileTokens);
  add(isa, "attention_few", attention, table.attention_few, table.attention_scratch, 1);
  if (table.attention_tile_bf16 != nullptr)
    add(isa, "attention_tile_bf16", attention, table.attention_tile_bf16, table.attention_scratch_bf16, kTileTokens);
}

}  // namespace
}  // namespace gemring

int main(int argc, char** argv) {
  gemring::prepare_process(argv);
  for (const gemring::Isa isa : gemring::kEveryIsa) {
    if (isa <= gemring::detected_isa()) gemring::add_kernels_of(isa);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
