// Activations rounded to 8 bits, as int8 matmuls want them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gemring {

/// 512 activations of one token, 16 parts of 32 with a scale each: x = scale * value, value in -127..127. What a row
/// lacks is zeros.
struct alignas(64) ActivationChunk {
  static constexpr std::size_t kValues = 512;
  static constexpr std::size_t kParts = 16;
  static constexpr std::size_t kPartValues = 32;

  std::int8_t values[kValues];        // in the order of activation_order.inl, which depends on the weights' type
  std::int32_t offsets[kValues / 4];  // per four values in that order: - (zero point of the weights) * their sum
  float scales[kParts];               // largest magnitude / 127; NaN or infinite where the part holds such
  float sums[kParts];                 // scale * sum of values, for weights with minima; else 0
};

/// Chunks of a row of `cols` activations.
constexpr std::size_t activation_chunks(std::size_t cols) {
  return (cols + ActivationChunk::kValues - 1) / ActivationChunk::kValues;
}

}  // namespace gemring
