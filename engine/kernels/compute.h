// In which type activations enter matrix products. Weights are always read as stored; sums are f32 (exact int32 inside
// a block). Chosen once at start, like the instruction set; the same on all ranks of a job.
#pragma once

#include <optional>
#include <string_view>

#include "engine/kernels/isa.h"

namespace gemring {

enum class ComputeType : int {
  f32 = 0,   // as they are
  bf16 = 1,  // activations and weights rounded to bf16, products exact
  int8 = 2,  // activations rounded to 8 bits with one scale for 32 values; for weights in blocks only, else f32
};

/// "f32", "bf16", "int8".
std::string_view name(ComputeType type);

/// Products of many tokens (prefill) and of few (decode) have different limits: arithmetic and memory.
struct alignas(8) Compute {  // of its size, so that reading it at once needs no lock
  ComputeType many = ComputeType::f32;
  ComputeType few = ComputeType::f32;

  bool operator==(const Compute&) const = default;
};

/// What `wanted` means with the kernels of `isa`; nothing wanted: the fastest.
///   f32: both f32.   bf16: many bf16, few f32.   int8: few int8, many as the fastest.
/// Throws ConfigError where the set has no kernels for it: bf16 wants avx512bf16, int8 wants avx512vnni.
Compute choose_compute(std::optional<ComputeType> wanted, Isa isa);

/// f32 until set. Setting is for start-up and tests, before any kernel runs.
Compute active_compute();
void set_active_compute(Compute compute);

}  // namespace gemring
