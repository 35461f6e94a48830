#include "engine/weights/tensor_source.h"

#include <algorithm>

namespace gemring {

const TensorInfo* TensorSource::find(std::string_view name) const {
  const auto& all = tensors();
  const auto place = std::lower_bound(
      all.begin(), all.end(), name, [](const TensorInfo& info, std::string_view wanted) { return info.name < wanted; });
  if (place != all.end() && place->name == name) return &*place;
  refuse_uncomputable(name);
  return nullptr;
}

}  // namespace gemring
