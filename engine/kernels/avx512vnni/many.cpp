// int8 matmul of many tokens with block-quantised weights, by vpdpbusd. See int8_product.h. Compiled with its own flags
// (engine/kernels/CMakeLists.txt). Nothing inline of the standard library: see vector.inl.
#include <immintrin.h>

#include "engine/kernels/kernel_table.h"
#include "engine/kernels/linear/activation_chunk.h"
#define GEMRING_VECTOR_FLOATS 16
#include "engine/kernels/vector.inl"
//
#include "engine/kernels/activation.inl"
//
#include "engine/kernels/linear/activation_order.inl"
//
#include "engine/kernels/avx512bf16/transpose.inl"
//
#include "engine/kernels/avx512vnni/codes.inl"
//
#include "engine/kernels/avx512vnni/eight_bits.inl"
//
#include "engine/kernels/avx512vnni/many_pack.inl"

namespace gemring {
namespace {

/// Int32 sums of 6 tokens with both vectors of rows over `quads` fours of inputs.
struct Dots {
  __m512i of[kInt8Tokens][2];
};

template <std::size_t quads>
inline void add_dots(const std::int8_t (*codes)[2][16][4], const std::uint8_t (*values)[kInt8Tokens][4], Dots& dots) {
#pragma GCC unroll 8
  for (std::size_t q = 0; q < quads; ++q) {
    const __m512i w0 = _mm512_load_si512(codes[q][0]);
    const __m512i w1 = _mm512_load_si512(codes[q][1]);
#pragma GCC unroll 6
    for (std::size_t t = 0; t < kInt8Tokens; ++t) {
      int four;
      __builtin_memcpy(&four, values[q][t], 4);
      const __m512i x = _mm512_set1_epi32(four);
      dots.of[t][0] = _mm512_dpbusd_epi32(dots.of[t][0], x, w0);
      dots.of[t][1] = _mm512_dpbusd_epi32(dots.of[t][1], x, w1);
    }
  }
}

/// sums += dots * scale of the rows * scale of the token
inline void add_scaled(const Dots& dots, const float (*scales)[16], const float* token_scales,
                       __m512 (&sums)[kInt8Tokens][2]) {
  const __m512 rows[2] = {_mm512_load_ps(scales[0]), _mm512_load_ps(scales[1])};
#pragma GCC unroll 6
  for (std::size_t t = 0; t < kInt8Tokens; ++t) {
    const __m512 token = _mm512_set1_ps(token_scales[t]);
#pragma GCC unroll 2
    for (std::size_t v = 0; v < 2; ++v)
      sums[t][v] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(dots.of[t][v]), rows[v]), token, sums[t][v]);
  }
}

inline Dots offsets_of(const std::int32_t (*offsets)[16]) {
  Dots dots;
#pragma GCC unroll 6
  for (std::size_t t = 0; t < kInt8Tokens; ++t) {
    dots.of[t][0] = _mm512_load_si512(offsets[0]);
    dots.of[t][1] = _mm512_load_si512(offsets[1]);
  }
  return dots;
}

/// `halves`: scales of 16 inputs each.
template <bool minima, bool halves>
void multiply_group(const Int8Product& product) {
  __m512 sums[kInt8Tokens][2];
#pragma GCC unroll 6
  for (std::size_t t = 0; t < kInt8Tokens; ++t) {
    for (std::size_t v = 0; v < 2; ++v)
      sums[t][v] = product.first ? _mm512_setzero_ps() : _mm512_loadu_ps(product.sums + t * kInt8Rows + v * 16);
  }
  for (std::size_t b = 0; b < product.blocks; ++b) {
    const WeightBlock& w = product.weights[b];
    const TokenBlock& x = product.tokens[b];
    Dots dots = offsets_of(w.offsets[0]);
    if constexpr (halves) {
      add_dots<4>(w.codes, x.values, dots);
      add_scaled(dots, w.scales[0], x.scales, sums);
      dots = offsets_of(w.offsets[1]);
      add_dots<4>(w.codes + 4, x.values + 4, dots);
      add_scaled(dots, w.scales[1], x.scales, sums);
    } else {
      add_dots<8>(w.codes, x.values, dots);
      add_scaled(dots, w.scales[0], x.scales, sums);
    }
    if constexpr (minima) {
      const __m512 rows[2] = {_mm512_load_ps(w.minima[0]), _mm512_load_ps(w.minima[1])};
#pragma GCC unroll 6
      for (std::size_t t = 0; t < kInt8Tokens; ++t) {
        const __m512 token = _mm512_set1_ps(x.sums[t]);
        sums[t][0] = _mm512_fmadd_ps(rows[0], token, sums[t][0]);
        sums[t][1] = _mm512_fmadd_ps(rows[1], token, sums[t][1]);
      }
    }
  }
#pragma GCC unroll 6
  for (std::size_t t = 0; t < kInt8Tokens; ++t) {
    for (std::size_t v = 0; v < 2; ++v) _mm512_storeu_ps(product.sums + t * kInt8Rows + v * 16, sums[t][v]);
  }
}

void multiply(DataType type, const Int8Product& product) {
  if (type == DataType::q6_k) return multiply_group<false, true>(product);
  if (has_minima(type)) return multiply_group<true, false>(product);
  multiply_group<false, false>(product);
}

inline __mmask16 lanes_below(std::size_t count) {
  return count >= 16 ? 0xffff : static_cast<__mmask16>((1u << count) - 1);
}

void store(const float* sums, std::size_t count, bool add, float* out) {
  for (std::size_t v = 0; v * 16 < count; ++v) {
    const __mmask16 lanes = lanes_below(count - v * 16);
    __m512 result = _mm512_loadu_ps(sums + v * 16);
    if (add) result = _mm512_add_ps(result, _mm512_maskz_loadu_ps(lanes, out + v * 16));
    _mm512_mask_storeu_ps(out + v * 16, lanes, result);
  }
}

void store_gated(const float* sums, std::size_t count, const float* gate_bias, const float* up_bias, float* out) {
  const __mmask16 lanes = lanes_below(count);
  __m512 gate = _mm512_loadu_ps(sums);
  __m512 up = _mm512_loadu_ps(sums + 16);
  if (gate_bias != nullptr) gate = _mm512_add_ps(gate, _mm512_maskz_loadu_ps(lanes, gate_bias));
  if (up_bias != nullptr) up = _mm512_add_ps(up, _mm512_maskz_loadu_ps(lanes, up_bias));
  _mm512_mask_storeu_ps(out, lanes, (__m512)(silu((Floats)gate) * (Floats)up));
}

}  // namespace

extern void use_avx512vnni_many(KernelTable& table);
void use_avx512vnni_many(KernelTable& table) {
  table.int8 = {pack_tokens, pack_weights, multiply, store, store_gated};
}

}  // namespace gemring
