// int8 matmul with block-quantised weights, many tokens, exact scales: dot products of 32 signed codes and 32
// unsigned activations in int32 (AVX-512 VNNI, vpdpbusd), multiplied by the scales of both in f32.
//
// Six tokens and two times 16 rows are multiplied at a time, over a chunk of 512 inputs whose weights stay in L1:
//
//   tokens   [chunks of 512 inputs][groups of 6 tokens][16 blocks of 32 inputs] TokenBlock
//   weights  [16 blocks] WeightBlock, made anew of the stored rows for each chunk and all tokens
//
// What is missing of the last chunk, group or rows is zero.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/tensor/data_type.h"

namespace gemring {

inline constexpr std::size_t kInt8Tokens = 6;   // 6 x 2 sums in int32 and in f32 leave 8 registers for operands
inline constexpr std::size_t kInt8Rows = 32;    // two vectors of 16 rows
inline constexpr std::size_t kInt8Inputs = 32;  // of a block
inline constexpr std::size_t kInt8Blocks = 16;  // of a chunk
inline constexpr std::size_t kInt8ChunkInputs = kInt8Blocks * kInt8Inputs;
inline constexpr std::size_t kInt8GroupSums = kInt8Tokens * kInt8Rows;

/// 32 activations of 6 tokens, x = scale * (value - 128). Values come in fours, as the instruction adds them.
struct alignas(64) TokenBlock {
  std::uint8_t values[kInt8Inputs / 4][kInt8Tokens][4];
  float scales[8];  // of each token: its largest magnitude / 127; NaN or infinite where the part holds such
  float sums[8];    // scale * sum of (value - 128)
};

/// 32 weights of 2 x 16 rows, w = scale * code + minimum; scales are of 16 inputs each (equal but with q6_k).
struct alignas(64) WeightBlock {
  std::int8_t codes[kInt8Inputs / 4][2][16][4];
  std::int32_t offsets[2][2]
                      [16];  // [half of the inputs][vector][row]: -128 * sum of codes; of all inputs but with q6_k
  float scales[2][2][16];    // [half of the inputs][vector][row]
  float minima[2][16];
};

/// Sums of 2 x 16 rows with one group of tokens over the blocks of a chunk.
struct Int8Product {
  const WeightBlock* weights;
  const TokenBlock* tokens;
  std::size_t blocks;  // 1..16
  float* sums;         // [6 tokens][32 rows]
  bool first;          // start from zero; else from what is in sums
};

/// The entries of a kernel table for int8 matmul. All null below avx512vnni.
struct Int8Kernels {
  // 6 tokens at most, [tokens, up to 512 inputs] with a stride, whole blocks of 32 inputs
  void (*pack_tokens)(const float* x, std::size_t stride, std::size_t tokens, std::size_t inputs, TokenBlock* blocks);
  // At most 16 rows of up to 512 inputs, whole blocks, `stride` bytes apart, into vector 0 or 1 of the blocks
  void (*pack_weights)(DataType type, const void* stored, std::size_t stride, std::size_t rows, std::size_t inputs,
                       std::size_t vector, WeightBlock* blocks);
  void (*multiply)(DataType type, const Int8Product& product);
  // out[i] (+)= sums[i], i < count <= 32
  void (*store)(const float* sums, std::size_t count, bool add, float* out);
  // out[i] = silu(sums[i] + gate_bias[i]) * (sums[16 + i] + up_bias[i]), i < count <= 16; biases may be null
  void (*store_gated)(const float* sums, std::size_t count, const float* gate_bias, const float* up_bias, float* out);
};

}  // namespace gemring
