// What a source loads, as values that can be compared. Header only.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "engine/weights/tensor_source.h"

namespace gemring::test {

inline std::string text(const TensorData& data) {
  return {reinterpret_cast<const char*>(data.bytes().data()), data.bytes().size()};
}

/// The tensor of this name, which is f32.
inline std::vector<float> load_f32(const TensorSource& source, std::string_view name) {
  const auto data = source.load(*source.find(name));
  std::vector<float> values(data->bytes().size() / sizeof(float));
  std::memcpy(values.data(), data->bytes().data(), data->bytes().size());
  return values;
}

}  // namespace gemring::test
