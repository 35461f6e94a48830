// Vectors of GEMRING_VECTOR_FLOATS floats in the compiler's own vector types: the same source compiles to SSE2, AVX2
// and AVX-512 by the flags of the including file. No guard: every instruction set's folder includes the *.inl files
// once. Everything is in an anonymous namespace, and nothing inline of the standard library is called, so that the
// linker can never pick a copy compiled for another machine.
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>

#include "engine/kernels/kernel_table.h"

namespace gemring {
namespace {

constexpr std::size_t W = GEMRING_VECTOR_FLOATS;

typedef float Floats __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef std::int32_t Ints __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef std::uint32_t Words __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef std::uint16_t Halves __attribute__((vector_size(W * 2), aligned(2), may_alias));
// Weights, which may lie at any address.
typedef float StoredFloats __attribute__((vector_size(W * 4), aligned(1), may_alias));
typedef std::uint16_t StoredHalves __attribute__((vector_size(W * 2), aligned(1), may_alias));

inline Floats load(const float* p) {
  return *reinterpret_cast<const Floats*>(p);
}
inline void store(float* p, Floats v) {
  *reinterpret_cast<Floats*>(p) = v;
}

/// The numbers of all lanes.
template <std::size_t... i>
struct Lanes {};
template <std::size_t count, std::size_t... i>
struct LanesBelow : LanesBelow<count - 1, count - 1, i...> {};
template <std::size_t... i>
struct LanesBelow<0, i...> {
  using type = Lanes<i...>;
};
using AllLanes = typename LanesBelow<W>::type;

/// x in every lane. x - 0 is x for every x, so this compiles to a broadcast straight from memory; 0 + x would not
/// (x = -0).
inline Floats splat(float x) {
  return x - Floats{};
}
inline Floats larger(Floats a, Floats b) {
  return a > b ? a : b;
}

inline float sum_of(Floats v) {
  float lanes[W];
  store(lanes, v);
  for (std::size_t width = W / 2; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

/// 2^x for x <= 128, relative error below 2.5e-7 (2e-7 with FMA); 0 for x < -126. Taylor polynomial of degree 6 of 2^f
/// on [-0.5, 0.5] (cut off at 1.2e-7), exponent by integer addition.
inline Floats exp2_of(Floats x) {
  const Floats limit = splat(-126.0f);
  const auto tiny = x < limit;
  x = tiny ? limit : x;
  const Floats magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to the nearest integer
  const Floats shifted = x + magic;
  const Floats f = x - (shifted - magic);
  Floats p = splat(1.5403530e-4f);
  p = p * f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.0f;
  const Words exponent = (Words)shifted << 23;
  const Floats result = (Floats)((Words)p + exponent);
  return tiny ? Floats{} : result;
}

/// W numbers of 16 bits to 32. By intrinsics, as g++ 12 does the conversion in two halves.
inline Words widen_words(const void* p) {
#if defined(__AVX512F__)
  return (Words)_mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
#elif defined(__AVX2__)
  return (Words)_mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
#else
  return __builtin_convertvector(*static_cast<const StoredHalves*>(p), Words);
#endif
}

inline Floats widen_bf16(const void* p) {
  const Words words = widen_words(p);
  return (Floats)(words << 16);
}

/// Exact for every binary16 (AVX-512 makes signalling NaNs quiet ones): the exponent is moved by a multiplication,
/// which also normalises subnormals.
inline Floats widen_f16(const void* p) {
#if defined(__AVX512F__)
  return (Floats)_mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
#else
  const Words words = widen_words(p);
  const Words sign = (words & 0x8000u) << 16;
  const Words magnitude = words & 0x7fffu;
  const Floats finite = (Floats)(magnitude << 13) * splat(0x1p112f);
  const Words special = 0x7f800000u | (magnitude << 13);  // infinity or NaN
  const Words bits = (magnitude >= 0x7c00u) ? special : (Words)finite;
  return (Floats)(bits | sign);
#endif
}

inline float widen_one(DataType type, const void* p, std::size_t i) {
  float value;
  if (type == DataType::f32) {
    __builtin_memcpy(&value, static_cast<const char*>(p) + i * 4, 4);
    return value;
  }
  std::uint16_t padded[W] = {};
  __builtin_memcpy(padded, static_cast<const char*>(p) + i * 2, 2);
  if (type == DataType::f16) return widen_f16(padded)[0];
  const std::uint32_t bits = static_cast<std::uint32_t>(padded[0]) << 16;
  __builtin_memcpy(&value, &bits, 4);
  return value;
}

/// W elements from index i on.
template <DataType type>
inline Floats load_as(const void* p, std::size_t i) {
  if constexpr (type == DataType::f32)
    return *reinterpret_cast<const StoredFloats*>(static_cast<const char*>(p) + i * 4);
  else if constexpr (type == DataType::bf16)
    return widen_bf16(static_cast<const char*>(p) + i * 2);
  else
    return widen_f16(static_cast<const char*>(p) + i * 2);
}

}  // namespace
}  // namespace gemring
