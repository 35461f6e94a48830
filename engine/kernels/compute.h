// In which type activations enter matmuls. Weights are always read as stored; sums are f32 (exact int32 inside
// a block). Chosen once at start, like the instruction set; the same on all ranks of a job.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/kernels/isa.h"
#include "engine/tensor/data_type.h"

namespace gemring {

enum class ComputeType : std::uint8_t {
  f32 = 0,   // as they are
  bf16 = 1,  // activations and weights rounded to bf16; exact products, f32 sums
  int8 = 2,  // activations rounded to 8 bits with one scale for 32 values; for block-quantised weights only, else f32
};

/// "f32", "bf16", "int8".
std::string_view name(ComputeType type);

/// Matmuls of many tokens (prefill) and of one (decode) have different limits: arithmetic and memory.
struct alignas(4) Compute {                    // of a word's size, so that reading it at once needs no lock
  ComputeType many = ComputeType::f32;         // weights stored one by one, and attention: f32 or bf16
  ComputeType many_blocks = ComputeType::f32;  // block-quantised weights
  ComputeType few = ComputeType::f32;          // f32 or int8

  bool operator==(const Compute&) const = default;
};

/// In which type matmuls of so many tokens with weights stored as `weights` run.
ComputeType type_of_products(Compute compute, std::size_t tokens, DataType weights);

/// The same of the output matrix with the last tokens of a prompt. One token by itself runs as decode, but in bf16
/// where decode's would run in 8 bits and the prompt ran in bf16: what decides near ties of the first token is then no
/// coarser than what made them. It costs nothing: with one token either type waits for memory.
ComputeType type_of_prompt_logits(Compute compute, std::size_t tokens, DataType weights);

/// What `wanted` means with the kernels of `isa`; nothing wanted: the fastest.
///   f32: all f32.   bf16: matmuls of many tokens.   int8: block-quantised weights; the others as the fastest.
///   the fastest: amx: many bf16, few int8; from avx512vnni on: block-quantised weights int8, the others bf16 where
///   `bf16_is_faster` than f32 (some processors have its instructions but run them slowly), else f32.
/// Throws ConfigError where the set has no kernels for it: bf16 wants avx512bf16, int8 wants avx512vnni.
Compute choose_compute(std::optional<ComputeType> wanted, Isa isa, bool bf16_is_faster);

/// f32 until set. Setting is for start-up and tests, before any kernel runs.
Compute active_compute();
void set_active_compute(Compute compute);

}  // namespace gemring
