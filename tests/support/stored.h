// Numbers as a file or a cache stores them. Header only.
#pragma once

#include <cstddef>
#include <cstring>
#include <vector>

#include "engine/tensor/data_type.h"

namespace gemring::test {

/// Values rounded to a stored type by the scalar conversions of data_type.h.
class Stored {
 public:
  Stored(DataType type, const std::vector<float>& values)
      : type_(type), bytes_(values.size() * bytes_per_element(type)) {
    for (std::size_t i = 0; i < values.size(); ++i) put(i, values[i]);
  }

  DataType type() const { return type_; }
  const std::byte* data() const { return bytes_.data(); }
  std::size_t bytes() const { return bytes_.size(); }

  /// What is stored, after rounding.
  const std::vector<float>& values() const { return values_; }

 private:
  void put(std::size_t i, float value) {
    std::byte* at = bytes_.data() + i * bytes_per_element(type_);
    switch (type_) {
      case DataType::f32:
        std::memcpy(at, &value, 4);
        return values_.push_back(value);
      case DataType::f16: {
        const Float16 half = to_float16(value);
        std::memcpy(at, &half, 2);
        return values_.push_back(to_float(half));
      }
      case DataType::bf16: {
        const BFloat16 half = to_bfloat16(value);
        std::memcpy(at, &half, 2);
        return values_.push_back(to_float(half));
      }
      default:  // bytes_per_element() has refused it
        break;
    }
  }

  DataType type_;
  std::vector<std::byte> bytes_;
  std::vector<float> values_;
};

}  // namespace gemring::test
