// In which types tensors travel between ranks, and how many bytes that takes.
#pragma once

#include <cstddef>

#include "engine/tensor/data_type.h"

namespace gemring {

/// Of keys and values in a ring: as the cache has them, or narrower where `message_type` is.
constexpr DataType ring_type(DataType kv_type, DataType message_type) {
  return kv_type == DataType::bf16 && message_type == DataType::f32 ? DataType::bf16 : message_type;
}

/// Of what travels in attention over a group. q8_0: 8 bits with a scale for 32 values.
struct RingTypes {
  DataType keys = DataType::f32;     // and values
  DataType queries = DataType::f32;  // f32, bf16 or q8_0, like the others
  DataType outputs = DataType::f32;  // of partial attention; its maxima and sums are f32 always
};
constexpr RingTypes ring_types(DataType kv_type, DataType message_type) {
  return {ring_type(kv_type, message_type), message_type, message_type};
}

/// Of so many elements; what is left over after whole blocks takes one.
constexpr std::size_t stored_bytes(DataType type, std::size_t elements) {
  return (elements + block_elements(type) - 1) / block_elements(type) * block_bytes(type);
}

/// Of attention of `tokens` queries over a part of their keys (PartialAttention): o in `type`, then m and l.
constexpr std::size_t part_bytes(std::size_t tokens, std::size_t heads, std::size_t head_dim, DataType type) {
  return stored_bytes(type, tokens * heads * head_dim) + 2 * tokens * heads * sizeof(float);
}

}  // namespace gemring
