#include "launch/measure/kernel_rates/operands.h"

#include <chrono>
#include <cstring>
#include <thread>

#include "engine/kernels/kernel_table.h"
#include "engine/kernels/quantise.h"

namespace gemring {

Buffer<float> random_floats(std::size_t count, std::uint32_t seed) {
  Buffer<float> values(count);
#pragma omp parallel for schedule(static)
  for (std::size_t i = 0; i < count; ++i) {
    // Weyl sequence of the golden ratio, then a 32-bit finaliser (MurmurHash3).
    std::uint32_t x = (static_cast<std::uint32_t>(i) + seed) * 0x9e3779b9u;
    x = (x ^ (x >> 16)) * 0x85ebca6bu;
    x = (x ^ (x >> 13)) * 0xc2b2ae35u;
    values[i] = static_cast<float>(x >> 8) * 0x1p-24f - 0.5f;
  }
  return values;
}

Buffer<std::uint16_t> as_bf16(const Buffer<float>& values) {
  Buffer<std::uint16_t> rounded(values.size());
  kernels().to_bf16(values.data(), rounded.data(), values.size());
  return rounded;
}

Buffer<std::byte> stored_weights(DataType type, const Buffer<float>& w) {
  Buffer<std::byte> stored(row_bytes(type, w.size()));
  if (can_quantise_to(type)) {
    quantise(w.data(), type, stored.data(), w.size());
  } else if (type == DataType::bf16) {
    kernels().to_bf16(w.data(), reinterpret_cast<std::uint16_t*>(stored.data()), w.size());
  } else if (type == DataType::f16) {
    auto* const halves = reinterpret_cast<std::uint16_t*>(stored.data());
    for (std::size_t i = 0; i < w.size(); ++i) halves[i] = to_float16(w[i]).bits;
  } else {
    std::memcpy(stored.data(), w.data(), stored.size());
    if (type == DataType::f32) return stored;
    const std::uint16_t scale = to_float16(1e-3f).bits;
    const std::size_t block = block_bytes(type);
    const std::size_t place = type == DataType::q6_k ? block - sizeof(scale) : 0;  // q6_k's stands behind the block
    for (std::size_t at = 0; at < stored.size(); at += block) {
      std::memcpy(stored.data() + at + place, &scale, sizeof(scale));
      if (place == 0) std::memcpy(stored.data() + at + sizeof(scale), &scale, sizeof(scale));
    }
  }
  return stored;
}

void let_threads_sleep() {
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
}

}  // namespace gemring
