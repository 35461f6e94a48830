// How passes are computed, whatever the request.
#pragma once

#include <cstdint>

#include "distributed/plan/chunk_deal.h"
#include "distributed/ring/group_attention.h"
#include "engine/tensor/data_type.h"

namespace gemring {

struct ComputeOptions {
  DataType kv_type = DataType::f32;          // KV cache: f32 or bf16 (half the memory, rounds keys and values)
  RingOptions ring = {};                     // what travels between ranks, in which type and which way
  std::int32_t filter_chunk = kFilterChunk;  // tokens of a windowed filter pass's chunk; tests take shorter ones
  /// Of all filter ranks together, for what windowed passes have read; 0: nothing is kept.
  std::uint64_t index_bytes = 0;
};

}  // namespace gemring
