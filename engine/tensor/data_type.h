// Types of stored numbers (weights: all; the KV cache and messages: f32 and bf16), and the scalar conversions of the
// two 16-bit floats.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gemring {

/// f32, f16, bf16: one element after the other. The others are blocks of elements of one row with common scales, as
/// GGUF files store them (layouts: engine/kernels/blocks.inl); a row is a whole number of blocks.
enum class DataType : std::uint8_t { f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k };

/// Elements of one block; 1 where elements are stored one by one.
constexpr std::size_t block_elements(DataType type) {
  switch (type) {
    case DataType::f32:
    case DataType::f16:
    case DataType::bf16:
      return 1;
    case DataType::q8_0:
    case DataType::q4_0:
    case DataType::q4_1:
    case DataType::q5_0:
    case DataType::q5_1:
      return 32;
    case DataType::q4_k:
    case DataType::q5_k:
    case DataType::q6_k:
      return 256;
  }
  return 0;
}

/// Bytes of one block, or of one element.
constexpr std::size_t block_bytes(DataType type) {
  switch (type) {
    case DataType::f32:
      return 4;
    case DataType::f16:
    case DataType::bf16:
      return 2;
    case DataType::q8_0:
      return 34;
    case DataType::q4_0:
      return 18;
    case DataType::q4_1:
      return 20;
    case DataType::q5_0:
      return 22;
    case DataType::q5_1:
      return 24;
    case DataType::q4_k:
      return 144;
    case DataType::q5_k:
      return 176;
    case DataType::q6_k:
      return 210;
  }
  return 0;
}

constexpr bool is_block_type(DataType type) {
  return block_elements(type) != 1;
}

/// Bytes of `cols` elements of one row; `cols` is a multiple of block_elements(type).
constexpr std::size_t row_bytes(DataType type, std::size_t cols) {
  return cols / block_elements(type) * block_bytes(type);
}

/// Throws InternalError: a block type has no size of one element.
[[noreturn]] void no_element_size(DataType type);

/// f32, f16 and bf16 only; whatever may be a block type asks row_bytes.
constexpr std::size_t bytes_per_element(DataType type) {
  if (is_block_type(type)) no_element_size(type);
  return block_bytes(type);
}

/// As llama.cpp prints them, in lower case.
constexpr std::string_view name(DataType type) {
  switch (type) {
    case DataType::f32:
      return "f32";
    case DataType::f16:
      return "f16";
    case DataType::bf16:
      return "bf16";
    case DataType::q8_0:
      return "q8_0";
    case DataType::q4_0:
      return "q4_0";
    case DataType::q4_1:
      return "q4_1";
    case DataType::q5_0:
      return "q5_0";
    case DataType::q5_1:
      return "q5_1";
    case DataType::q4_k:
      return "q4_k";
    case DataType::q5_k:
      return "q5_k";
    case DataType::q6_k:
      return "q6_k";
  }
  return "?";
}

/// Storage of a bfloat16: the upper half of an IEEE f32.
struct BFloat16 {
  std::uint16_t bits;
};

/// Storage of an IEEE binary16.
struct Float16 {
  std::uint16_t bits;
};

constexpr float to_float(BFloat16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

constexpr float to_float(Float16 value) {
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000u) << 16;
  const std::uint32_t exponent = (value.bits >> 10) & 0x1fu;
  const std::uint32_t mantissa = value.bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));  // infinity, NaN
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float subnormal = static_cast<float>(mantissa) * 0x1p-24f;
  return sign != 0 ? -subnormal : subnormal;
}

/// Round to nearest, ties to even; NaN stays NaN.
constexpr BFloat16 to_bfloat16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

/// Round to nearest, ties to even; NaN stays NaN, what is too large becomes infinity.
constexpr Float16 to_float16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return {static_cast<std::uint16_t>(sign | 0x7e00u)};
  if (magnitude >= 0x477ff000u) return {static_cast<std::uint16_t>(sign | 0x7c00u)};  // 65520 and more
  if (magnitude <
      0x38800000u) {  // below 2^-14: adding 0.5 leaves multiples of 2^-24 in the low bits, rounded by the FPU
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return {static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u))};
  }
  const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return {static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13))};
}

}  // namespace gemring
