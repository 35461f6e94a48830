// Quantised blocks element by element, as the format's description says it: the reference of the kernels' tests.
// Written from the layouts alone, one element at a time, sharing no code with the kernels. Header only.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "engine/tensor/data_type.h"

namespace gemring::test {

inline constexpr DataType kBlockTypes[] = {DataType::q8_0, DataType::q4_0, DataType::q4_1, DataType::q5_0,
                                           DataType::q5_1, DataType::q4_k, DataType::q5_k, DataType::q6_k};

/// Where a block's f16 scales lie.
inline std::vector<std::size_t> scale_offsets(DataType type) {
  switch (type) {
    case DataType::q8_0:
    case DataType::q4_0:
    case DataType::q5_0:
      return {0};
    case DataType::q6_k:
      return {208};
    default:
      return {0, 2};
  }
}

inline double half_of(const std::uint8_t* block, std::size_t offset) {
  Float16 half{};
  std::memcpy(&half, block + offset, sizeof half);
  return static_cast<double>(to_float(half));
}

/// Scale and minimum of part `part` of a q4_k or q5_k block, before they are multiplied by d and dmin.
inline std::pair<int, int> part_scales(const std::uint8_t* s, std::size_t part) {
  if (part < 4) return {s[part] & 63, s[part + 4] & 63};
  return {(s[part + 4] & 15) | ((s[part - 4] >> 6) << 4), (s[part + 4] >> 4) | ((s[part] >> 6) << 4)};
}

inline double plain_value(DataType type, const std::uint8_t* b, std::size_t i) {
  const auto nibble = [i](const std::uint8_t* q) { return i < 16 ? q[i] & 15 : q[i - 16] >> 4; };
  const auto bit = [i](const std::uint8_t* h) { return (h[i / 8] >> (i % 8)) & 1; };
  switch (type) {
    case DataType::q8_0:
      return half_of(b, 0) * static_cast<std::int8_t>(b[2 + i]);
    case DataType::q4_0:
      return half_of(b, 0) * (nibble(b + 2) - 8);
    case DataType::q4_1:
      return half_of(b, 0) * nibble(b + 4) + half_of(b, 2);
    case DataType::q5_0:
      return half_of(b, 0) * (nibble(b + 6) + 16 * bit(b + 2) - 16);
    case DataType::q5_1:
      return half_of(b, 0) * (nibble(b + 8) + 16 * bit(b + 4)) + half_of(b, 2);
    case DataType::q4_k:
    case DataType::q5_k: {
      const auto [scale, minimum] = part_scales(b + 4, i / 32);
      const std::uint8_t* q = b + (type == DataType::q4_k ? 16 : 48) + i / 64 * 32;
      int value = i % 64 < 32 ? q[i % 32] & 15 : q[i % 32] >> 4;
      if (type == DataType::q5_k) value += 16 * ((b[16 + i % 32] >> (i / 32)) & 1);
      return half_of(b, 0) * scale * value - half_of(b, 2) * minimum;
    }
    case DataType::q6_k: {
      const std::size_t half = i / 128, quarter = i % 128 / 32, l = i % 32;
      const std::uint8_t q = b[64 * half + 32 * (quarter % 2) + l];
      const int low = quarter < 2 ? q & 15 : q >> 4;
      const int high = (b[128 + 32 * half + l] >> (2 * quarter)) & 3;
      return half_of(b, 208) * static_cast<std::int8_t>(b[192 + i / 16]) * (low + 16 * high - 32);
    }
    default:
      return 0;
  }
}

/// Random blocks: every byte anything, but for the scales, which are in [-scale, scale).
class RandomBlocks {
 public:
  RandomBlocks(DataType type, std::size_t elements, std::uint32_t seed, float scale = 0.02f)
      : bytes_(row_bytes(type, elements)) {
    std::mt19937 engine(seed);
    for (std::uint8_t& byte : bytes_) byte = static_cast<std::uint8_t>(engine() >> 24);
    for (std::size_t block = 0; block < bytes_.size(); block += block_bytes(type)) {
      for (const std::size_t offset : scale_offsets(type)) {
        const Float16 half = to_float16((static_cast<float>(engine() >> 8) * 0x1p-23f - 1.0f) * scale);
        std::memcpy(bytes_.data() + block + offset, &half, sizeof half);
      }
    }
    for (std::size_t i = 0; i < elements; ++i) {
      const std::size_t block = i / block_elements(type);
      values_.push_back(plain_value(type, bytes_.data() + block * block_bytes(type), i % block_elements(type)));
    }
  }

  const std::uint8_t* data() const { return bytes_.data(); }
  std::size_t bytes() const { return bytes_.size(); }
  const std::vector<double>& values() const { return values_; }

 private:
  std::vector<std::uint8_t> bytes_;
  std::vector<double> values_;
};

/// Products in double of rounded activations [tokens, cols] with what blocks [rows, cols] stand for.
struct BlockProducts {
  std::vector<double> sums;        // [tokens, rows]
  std::vector<double> magnitudes;  // sums of the products' magnitudes

  BlockProducts(const RandomBlocks& w, const std::vector<double>& x, std::size_t tokens, std::size_t rows) {
    const std::size_t cols = x.size() / tokens;
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t r = 0; r < rows; ++r) {
        double sum = 0, magnitude = 0;
        for (std::size_t c = 0; c < cols; ++c) {
          const double product = x[t * cols + c] * w.values()[r * cols + c];
          sum += product;
          magnitude += std::abs(product);
        }
        sums.push_back(sum);
        magnitudes.push_back(magnitude);
      }
    }
  }

  /// Within a few roundings of f32: the integers are exact.
  double bound(std::size_t i) const { return 3e-6 * magnitudes[i] + 1e-7; }
};

}  // namespace gemring::test
