// GGUF files made by hand, whole ones and broken ones. Header only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/files.h"

namespace gemring::test {

/// Numbers of the format's value types.
enum GgufValue : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12
};

inline std::string gguf_string(std::string_view text) {
  return bytes_of(static_cast<std::uint64_t>(text.size())) + std::string(text);
}

/// Collects pairs and tensors; build() gives the file. What is not set is what the format asks for.
class GgufBuilder {
 public:
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;          // that is used; a pair general.alignment is the caller's
  std::optional<std::uint64_t> tensors;  // the count that is announced
  std::optional<std::uint64_t> pairs;

  /// A pair whose value has these bytes.
  GgufBuilder& pair(std::string_view key, std::uint32_t type, const std::string& value) {
    pairs_ += gguf_string(key) + bytes_of(type) + value;
    ++pair_count_;
    return *this;
  }
  GgufBuilder& text(std::string_view key, std::string_view value) { return pair(key, kString, gguf_string(value)); }
  GgufBuilder& count(std::string_view key, std::uint32_t value) { return pair(key, kU32, bytes_of(value)); }
  GgufBuilder& split(std::uint16_t number, std::uint16_t count, std::int32_t all_tensors) {
    return pair("split.no", kU16, bytes_of(number))
        .pair("split.count", kU16, bytes_of(count))
        .pair("split.tensors.count", kI32, bytes_of(all_tensors));
  }
  GgufBuilder& texts(std::string_view key, const std::vector<std::string>& values) {
    std::string bytes = bytes_of(std::uint32_t{kString}, static_cast<std::uint64_t>(values.size()));
    for (const std::string& value : values) bytes += gguf_string(value);
    return pair(key, kArray, bytes);
  }
  template <class T>
  GgufBuilder& numbers(std::string_view key, std::uint32_t type, const std::vector<T>& values) {
    std::string bytes = bytes_of(type, static_cast<std::uint64_t>(values.size()));
    for (const T value : values) bytes += bytes_of(value);
    return pair(key, kArray, bytes);
  }

  /// A tensor with its data behind those of the others; dimensions in the file's order, the contiguous one first.
  GgufBuilder& tensor(std::string_view name, const std::vector<std::uint64_t>& dimensions, std::uint32_t type,
                      const std::string& data) {
    tensor_at(name, dimensions, type, data_.size());
    data_ += data;
    data_.resize((data_.size() + alignment - 1) / alignment * alignment, '\0');
    return *this;
  }
  /// A tensor that says it lies at `offset`; brings no data.
  GgufBuilder& tensor_at(std::string_view name, const std::vector<std::uint64_t>& dimensions, std::uint32_t type,
                         std::uint64_t offset) {
    infos_ += gguf_string(name) + bytes_of(static_cast<std::uint32_t>(dimensions.size()));
    for (const std::uint64_t extent : dimensions) infos_ += bytes_of(extent);
    infos_ += bytes_of(type, offset);
    ++tensor_count_;
    return *this;
  }
  GgufBuilder& data(const std::string& bytes) {
    data_ += bytes;
    return *this;
  }

  /// From the magic to the last description of a tensor.
  std::string header() const {
    return "GGUF" + bytes_of(version, tensors.value_or(tensor_count_), pairs.value_or(pair_count_)) + pairs_ + infos_;
  }
  std::string build() const {
    std::string file = header();
    if (!data_.empty()) file.resize((file.size() + alignment - 1) / alignment * alignment, '\0');
    return file + data_;
  }

 private:
  std::string pairs_, infos_, data_;
  std::uint64_t pair_count_ = 0, tensor_count_ = 0;
};

}  // namespace gemring::test
