#include "launch/measure/limits.h"

#include "engine/base/check.h"
#include "engine/kernels/memory_probe.h"
#include "engine/kernels/probe.h"

namespace gemring {

Limit limit_of(ComputeType products) {
  switch (products) {
    case ComputeType::f32:
      return Limit::f32_products;
    case ComputeType::bf16:
      return Limit::bf16_products;
    case ComputeType::int8:
      return Limit::int8_products;
  }
  GEMRING_CHECK(false, "compute type {}", static_cast<int>(products));
}

std::string_view name(Limit limit) {
  switch (limit) {
    case Limit::f32_products:
      return "f32 products, GFLOP/s";
    case Limit::bf16_products:
      return "bf16 products, GFLOP/s";
    case Limit::int8_products:
      return "int8 products, GOP/s";
    case Limit::memory_read:
      return "memory read, GB/s";
  }
  GEMRING_CHECK(false, "limit {}", static_cast<int>(limit));
}

double measure(Limit limit) {
  switch (limit) {
    case Limit::f32_products:
      return measure_f32_fma_gflops();
    case Limit::bf16_products:
      return measure_bf16_gflops().value_or(0);
    case Limit::int8_products:
      return measure_int8_gops().value_or(0);
    case Limit::memory_read:
      return measure_memory_read_gbs();
  }
  GEMRING_CHECK(false, "limit {}", static_cast<int>(limit));
}

}  // namespace gemring
