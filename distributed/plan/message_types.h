// In which types tensors travel between ranks.
#pragma once

#include "engine/tensor/data_type.h"

namespace gemring {

/// Of keys and values in a ring: as the cache has them, or narrower where `message_type` is. Both f32 or bf16.
constexpr DataType ring_type(DataType kv_type, DataType message_type) {
  return kv_type == DataType::bf16 ? DataType::bf16 : message_type;
}

}  // namespace gemring
