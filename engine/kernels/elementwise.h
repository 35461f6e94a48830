// Operations on single tokens, split over the threads by token.
#pragma once

#include <cstddef>
#include <span>

#include "engine/tensor/data_type.h"
#include "engine/tensor/view.h"

namespace gemring {

/// out[t] <- x[t] / sqrt(mean(x[t]^2) + epsilon) * weight.   x, out: [tokens, hidden] (may be the same), weight:
/// [hidden]
void rms_norm(MatrixView<const float> x, std::span<const float> weight, float epsilon, MatrixView<float> out);

/// gate <- silu(gate) * up.   [tokens, ffn]
void silu_times(MatrixView<float> gate, MatrixView<const float> up);

/// Rotates every head of token t by cos[t], sin[t].   x: [tokens, heads, head_dim], cos, sin: [tokens, head_dim / 2]
/// The pairs of a head are (i, i + head_dim / 2).
void rotate(HeadsView<float> x, MatrixView<const float> cos, MatrixView<const float> sin);

/// The same with pairs (2 i, 2 i + 1).
void rotate_interleaved(HeadsView<float> x, MatrixView<const float> cos, MatrixView<const float> sin);

/// x[t] <- x[t] + bias.   x: [tokens, outputs], bias: [outputs]
void add_bias(MatrixView<float> x, std::span<const float> bias);

/// scores[t] = sum over query heads h of query[h] . keys[t, h's key head].   query: [heads * head_dim], keys: [tokens,
/// kv_heads, head_dim]
void score_keys(std::span<const float> query, HeadsView<const float> keys, std::span<float> scores);

/// Elements of any stored type to f32 (`count` a multiple of its block_elements, `in` at any address), and f32 to f32,
/// bf16 (for caches and messages) or q8_0 (messages).
void widen(DataType from, const void* in, float* out, std::size_t count);
void narrow(const float* in, DataType to, void* out, std::size_t count);

/// Between any two of f32, bf16 and q8_0.
void convert(DataType from, const void* in, DataType to, void* out, std::size_t count);

}  // namespace gemring
