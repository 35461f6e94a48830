#include "engine/kernels/quantise.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "engine/base/check.h"

namespace gemring {
namespace {

constexpr std::size_t kBlock = 32;
constexpr std::uint32_t kMagnitude = 0x7fffffffu;
constexpr std::uint32_t kInfinity = 0x7f800000u;

void put_scale(float d, std::byte* out) {
  const Float16 stored = to_float16(d);
  std::memcpy(out, &stored, sizeof stored);
}

/// 1 / d; 0 where that is no number: the stored scale is 0 (or none) then, and the integers do not matter.
float inverse(float d) {
  const float inverted = 1.0f / d;
  return std::isfinite(inverted) ? inverted : 0.0f;
}

/// Bits of the largest magnitude. Those of non-negative floats are ordered like the floats, and NaN is above all.
std::uint32_t largest_magnitude(const float* in) {
  std::uint32_t largest = 0;
  for (std::size_t j = 0; j < kBlock; ++j)
    largest = std::max(largest, std::bit_cast<std::uint32_t>(in[j]) & kMagnitude);
  return largest;
}

/// A block that holds a NaN or an infinity: that as its scale, and zeros.
void put_invalid(std::uint32_t largest, std::byte* out, DataType type) {
  put_scale(std::bit_cast<float>(largest), out);
  std::memset(out + 2, 0, block_bytes(type) - 2);
}

void quantise_q8_0(const float* __restrict in, std::byte* __restrict out) {
  const std::uint32_t largest = largest_magnitude(in);
  if (largest >= kInfinity) return put_invalid(largest, out, DataType::q8_0);
  const float d = std::bit_cast<float>(largest) / 127.0f;
  const float id = inverse(d);
  put_scale(d, out);
  std::int8_t q[kBlock];
  for (std::size_t j = 0; j < kBlock; ++j) {  // roundf, halves away from zero: the difference is exact
    const float x = in[j] * id;
    const auto whole = static_cast<std::int32_t>(x);
    const float rest = x - static_cast<float>(whole);
    q[j] = static_cast<std::int8_t>(whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0));
  }
  std::memcpy(out + 2, q, sizeof q);
}

void quantise_q4_0(const float* __restrict in, std::byte* __restrict out) {
  const std::uint32_t largest = largest_magnitude(in);
  if (largest >= kInfinity) return put_invalid(largest, out, DataType::q4_0);
  std::size_t first = 0;  // the sign is that of the first element of this magnitude
  while ((std::bit_cast<std::uint32_t>(in[first]) & kMagnitude) != largest) ++first;
  const float d = largest == 0 ? -0.0f : in[first] / -8.0f;
  const float id = inverse(d);
  put_scale(d, out);
  std::uint8_t q[kBlock];
  for (std::size_t j = 0; j < kBlock; ++j) {
    q[j] = static_cast<std::uint8_t>(std::min(15, static_cast<std::int32_t>(in[j] * id + 8.5f)));
  }
  std::uint8_t nibbles[kBlock / 2];
  for (std::size_t j = 0; j < kBlock / 2; ++j) nibbles[j] = static_cast<std::uint8_t>(q[j] | q[j + kBlock / 2] << 4);
  std::memcpy(out + 2, nibbles, sizeof nibbles);
}

}  // namespace

void quantise(const float* in, DataType to, void* out, std::size_t count) {
  GEMRING_CHECK(can_quantise_to(to) && count % kBlock == 0, "{} elements to {}", count, name(to));
  auto* block = static_cast<std::byte*>(out);
  for (std::size_t i = 0; i < count; i += kBlock, block += block_bytes(to)) {
    if (to == DataType::q8_0)
      quantise_q8_0(in + i, block);
    else
      quantise_q4_0(in + i, block);
  }
}

}  // namespace gemring
