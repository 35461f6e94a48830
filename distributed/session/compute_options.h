// How passes are computed, whatever the request.
#pragma once

#include "distributed/ring/group_attention.h"
#include "engine/tensor/data_type.h"

namespace gemring {

struct ComputeOptions {
  DataType kv_type = DataType::f32;  // KV cache: f32 or bf16 (half the memory, rounds keys and values)
  RingOptions ring = {};             // what travels between ranks, in which type and which way
};

}  // namespace gemring
