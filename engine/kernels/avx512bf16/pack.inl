// Operands of a TileProduct: bf16, rounded to nearest even, in tiles. See tile_product.h.

namespace gemring {

extern const KernelTable kAvx512Kernels;

namespace {

/// 32 floats, in order, as bf16.
inline __m512i narrow_pair(__m512 low, __m512 high) {
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/// Lanes [0, count) of a vector, none below zero.
inline __mmask16 lanes(std::ptrdiff_t count) {
  if (count <= 0) return 0;
  return count >= 16 ? 0xffff : static_cast<__mmask16>((1u << count) - 1);
}

inline __m512i load_32_as_bf16(const float* x, std::size_t count) {
  const auto left = static_cast<std::ptrdiff_t>(count);
  return narrow_pair(_mm512_maskz_loadu_ps(lanes(left), x), _mm512_maskz_loadu_ps(lanes(left - 16), x + 16));
}

void pack_tokens(const float* x, std::size_t stride, std::size_t tokens, std::size_t inputs, std::uint16_t* tiles) {
  for (std::size_t i = 0; i < inputs; i += kTileInputs, tiles += kPairElements) {
    __m512i rows[16];
    for (std::size_t t = 0; t < kTileSide; ++t) {
      rows[t] = t < tokens ? load_32_as_bf16(x + t * stride + i, inputs - i) : _mm512_setzero_si512();
    }
    transpose_16x16(rows);
    for (std::size_t pair = 0; pair < kTileSide; ++pair) _mm512_storeu_si512(tiles + pair * kTileInputs, rows[pair]);
  }
}

inline float half_to_float(const unsigned char* p) {
  std::uint16_t bits;
  __builtin_memcpy(&bits, p, 2);
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
}

/// 32 bytes with a sign, times d.
inline __m512i scaled_bytes(__m256i bytes, __m512 d) {
  const __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(bytes)));
  const __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(bytes, 1)));
  return narrow_pair(_mm512_mul_ps(low, d), _mm512_mul_ps(high, d));
}

/// Low halves of 16 bytes, then the high ones.
inline __m256i nibbles(const unsigned char* q) {
  const __m128i both = _mm_loadu_si128(reinterpret_cast<const __m128i*>(q));
  const __m128i mask = _mm_set1_epi8(15);
  return _mm256_set_m128i(_mm_and_si128(_mm_srli_epi16(both, 4), mask), _mm_and_si128(both, mask));
}

void pack_q8_0(const unsigned char* block, std::size_t inputs, std::uint16_t* tiles) {
  for (std::size_t i = 0; i < inputs; i += 32, block += 34, tiles += kPairElements) {
    const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 2));
    _mm512_storeu_si512(tiles, scaled_bytes(q, _mm512_set1_ps(half_to_float(block))));
  }
}

void pack_q4_0(const unsigned char* block, std::size_t inputs, std::uint16_t* tiles) {
  for (std::size_t i = 0; i < inputs; i += 32, block += 18, tiles += kPairElements) {
    const __m256i q = _mm256_sub_epi8(nibbles(block + 2), _mm256_set1_epi8(8));
    _mm512_storeu_si512(tiles, scaled_bytes(q, _mm512_set1_ps(half_to_float(block))));
  }
}

void pack_bf16(const unsigned char* stored, std::size_t inputs, std::uint16_t* tiles) {
  for (std::size_t i = 0; i < inputs; i += kTileInputs, stored += 64, tiles += kPairElements) {
    const std::size_t left = inputs - i;
    const __mmask32 mask = left >= 32 ? 0xffffffffu : (1u << left) - 1;
    _mm512_storeu_si512(tiles, _mm512_maskz_loadu_epi16(mask, stored));
  }
}

void pack_weights(DataType type, const void* stored, std::size_t inputs, std::uint16_t* tiles) {
  const auto* bytes = static_cast<const unsigned char*>(stored);
  if (type == DataType::bf16) return pack_bf16(bytes, inputs, tiles);
  if (type == DataType::q8_0) return pack_q8_0(bytes, inputs, tiles);
  if (type == DataType::q4_0) return pack_q4_0(bytes, inputs, tiles);
  float widened[kChunkInputs];
  kAvx512Kernels.widen(type, stored, widened, inputs);
  for (std::size_t i = 0; i < inputs; i += kTileInputs, tiles += kPairElements) {
    _mm512_storeu_si512(tiles, load_32_as_bf16(widened + i, inputs - i));
  }
}

}  // namespace
}  // namespace gemring
