// A square of 32-bit lanes turned over its diagonal: pairs of bf16, or floats. See vector.inl on what includes it.

namespace gemring {
namespace {

/// v[i] lane j <- v[j] lane i, of 32-bit lanes.
inline void transpose_16x16(__m512i v[16]) {
  __m512i a[16];
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {  // 4 x 4 blocks inside the 128-bit parts
    const __m512i low01 = _mm512_unpacklo_epi32(v[i], v[i + 1]);
    const __m512i high01 = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    const __m512i low23 = _mm512_unpacklo_epi32(v[i + 2], v[i + 3]);
    const __m512i high23 = _mm512_unpackhi_epi32(v[i + 2], v[i + 3]);
    a[i] = _mm512_unpacklo_epi64(low01, low23);
    a[i + 1] = _mm512_unpackhi_epi64(low01, low23);
    a[i + 2] = _mm512_unpacklo_epi64(high01, high23);
    a[i + 3] = _mm512_unpackhi_epi64(high01, high23);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {  // then the 128-bit parts themselves
    const __m512i even01 = _mm512_shuffle_i32x4(a[i], a[i + 4], 0x88);
    const __m512i odd01 = _mm512_shuffle_i32x4(a[i], a[i + 4], 0xdd);
    const __m512i even23 = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], 0x88);
    const __m512i odd23 = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], 0xdd);
    v[i] = _mm512_shuffle_i32x4(even01, even23, 0x88);
    v[i + 4] = _mm512_shuffle_i32x4(odd01, odd23, 0x88);
    v[i + 8] = _mm512_shuffle_i32x4(even01, even23, 0xdd);
    v[i + 12] = _mm512_shuffle_i32x4(odd01, odd23, 0xdd);
  }
}

}  // namespace
}  // namespace gemring
