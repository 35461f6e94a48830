// From f32 to block types. The same bits on every machine: compiled once, without fused multiply-adds.
#pragma once

#include <cstddef>

#include "engine/tensor/data_type.h"

namespace gemring {

/// Whether quantise() knows the type: q8_0 and q4_0.
constexpr bool can_quantise_to(DataType type) {
  return type == DataType::q8_0 || type == DataType::q4_0;
}

/// `count` f32 numbers (a multiple of 32) into blocks; `out` has row_bytes(to, count) bytes at any address. On the
/// calling thread. A block with a NaN or an infinity, or with numbers beyond what an f16 scale reaches (8e6 for q8_0,
/// 5e5 for q4_0), gets a scale that is none (NaN or infinite); callers that do not trust their numbers look for it.
/// Source: ggml-quants.c, quantize_row_q8_0_ref and quantize_row_q4_0_ref; the same bits wherever those are defined.
void quantise(const float* in, DataType to, void* out, std::size_t count);

}  // namespace gemring
