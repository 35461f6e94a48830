// 32 activations rounded to 8 bits with one scale.

namespace gemring {
namespace {

struct EightBits {
  __m512i first;   // 16 whole numbers, -127..127
  __m512i second;  // 16 more
  float scale;     // largest magnitude / 127; NaN or infinite where there are such, whose numbers are 0 then

  /// scale * sum of the numbers
  float scaled_sum() const {
    return scale * static_cast<float>(_mm512_reduce_add_epi32(_mm512_add_epi32(first, second)));
  }
};

inline EightBits to_eight_bits(__m512 a, __m512 b) {
  // Magnitudes are ordered like their bits, and NaN is above all.
  const __m512i bits = _mm512_max_epu32(_mm512_castps_si512(_mm512_abs_ps(a)), _mm512_castps_si512(_mm512_abs_ps(b)));
  const std::uint32_t largest_bits = _mm512_reduce_max_epu32(bits);
  float largest;
  __builtin_memcpy(&largest, &largest_bits, 4);
  const bool usable = largest > kLeastMagnitude && largest_bits < 0x7f800000u;
  const __m512 inverse = _mm512_set1_ps(usable ? 127.0f / largest : 0.0f);
  const __mmask16 used = usable ? 0xffff : 0;  // infinity times 0 is no zero
  return {_mm512_maskz_cvtps_epi32(used, _mm512_mul_ps(a, inverse)),
          _mm512_maskz_cvtps_epi32(used, _mm512_mul_ps(b, inverse)), largest / 127.0f};
}

}  // namespace
}  // namespace gemring
