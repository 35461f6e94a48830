// The machine's limits as benchmarks need them: the one that a piece of work is a share of.
#pragma once

#include <string_view>

#include "engine/kernels/compute.h"

namespace gemring {

/// All in 1e9 per second: FLOP of a type's products, bytes.
enum class Limit : int { f32_products, bf16_products, int8_products, memory_read };

Limit limit_of(ComputeType products);

/// With the unit: "bf16 products, GFLOP/s".
std::string_view name(Limit limit);

/// What the threads of this process reach together, in less than half a second; 0 where active_isa() has no such
/// products.
double measure(Limit limit);

}  // namespace gemring
