// Stored blocks to vectors: the unsigned codes of 128 elements in the order of activation_order.inl, and the scales of
// 512 elements as floats.

namespace gemring {
namespace {

typedef unsigned char Byte;

/// Codes of 128 elements: value = scale * (code - zero point) - minimum.
struct Codes {
  __m512i first;
  __m512i second;
};

/// Of the 16 parts of 512 elements; minima with the sign that they are added with.
struct Scales {
  __m512 scales;
  __m512 minima;
};

inline std::uint64_t two_bytes(const Byte* p) {
  std::uint16_t bits;
  __builtin_memcpy(&bits, p, 2);
  return bits;
}

/// Two bytes of each of four blocks.
template <std::size_t stride>
inline std::uint64_t two_bytes_of_four(const Byte* p) {
  return two_bytes(p) | two_bytes(p + stride) << 16 | two_bytes(p + 2 * stride) << 32 | two_bytes(p + 3 * stride) << 48;
}

/// The f16 numbers at p in each of 16 blocks. Put together in general registers, whose units have nothing else to do.
template <std::size_t stride>
inline __m512 halves_of_sixteen(const Byte* p) {
  const auto at = [p](std::size_t block) {
    return static_cast<long long>(two_bytes_of_four<stride>(p + block * stride));
  };
  return _mm512_cvtph_ps(_mm256_set_epi64x(at(12), at(8), at(4), at(0)));
}

/// The same where eight blocks end in 128 bytes (q4_0, whose unit is arithmetic): 12 instructions and not 46.
inline __m512 halves_of_sixteen_near(const Byte* p) {
  constexpr short kWords = block_bytes(DataType::q4_0) / 2;
  static_assert(7 * kWords < 64);
  const __m512i places = _mm512_castsi128_si512(
      _mm_setr_epi16(0, kWords, 2 * kWords, 3 * kWords, 4 * kWords, 5 * kWords, 6 * kWords, 7 * kWords));
  const auto eight = [&](const Byte* from) {
    const __m512i words = _mm512_permutex2var_epi16(_mm512_loadu_si512(from), places, _mm512_loadu_si512(from + 64));
    return _mm512_castsi512_si128(words);
  };
  return _mm512_cvtph_ps(_mm256_set_m128i(eight(p + 8 * 2 * kWords), eight(p)));
}

/// One f16 in all lanes.
inline __m512 half_in_all(const Byte* p) {
  return _mm512_cvtph_ps(_mm256_set1_epi16(static_cast<short>(two_bytes(p))));
}

inline __m128i load16(const Byte* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline __m256i load32(const Byte* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

inline Codes q8_0_codes(const Byte* p) {
  constexpr std::size_t kStride = block_bytes(DataType::q8_0);
  const auto two = [](const Byte* block) {  // adds 128
    const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(load32(block + 2)), load32(block + kStride + 2), 1);
    return _mm512_xor_si512(both, _mm512_set1_epi8(-128));
  };
  return {two(p), two(p + 2 * kStride)};
}

/// Low halves of 64 bytes, and high ones.
inline Codes nibbles(__m512i bytes) {
  const __m512i low = _mm512_set1_epi8(15);
  return {_mm512_and_si512(bytes, low), _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low)};
}

/// The 16 bytes at p of four blocks.
template <std::size_t stride>
inline __m512i load_four(const Byte* p) {
  __m512i four = _mm512_castsi128_si512(load16(p));
  four = _mm512_inserti32x4(four, load16(p + stride), 1);
  four = _mm512_inserti32x4(four, load16(p + 2 * stride), 2);
  return _mm512_inserti32x4(four, load16(p + 3 * stride), 3);
}

/// Adds 16 to the codes whose bit is set.
inline __m512i with_fifth_bits(__m512i codes, __mmask64 bits) {
  return _mm512_mask_add_epi8(codes, bits, codes, _mm512_set1_epi8(16));
}

/// Four blocks of 32 elements in nibbles. `q`: where these begin in a block; the fifth bits lie in the four bytes
/// before them.
template <std::size_t stride, std::size_t q, bool fifth_bits>
inline Codes half_codes(const Byte* p) {
  Codes codes = nibbles(load_four<stride>(p + q));
  if constexpr (fifth_bits) {
    codes.first = with_fifth_bits(codes.first, two_bytes_of_four<stride>(p + q - 4));
    codes.second = with_fifth_bits(codes.second, two_bytes_of_four<stride>(p + q - 2));
  }
  return codes;
}

/// Half a block of 256 elements; `half` is 0 or 1.
inline Codes q4_k_codes(const Byte* block, int half) {
  return nibbles(_mm512_loadu_si512(block + 16 + 64 * half));
}

/// Bit i of the 32 bytes at h belongs to part i; the vectors hold parts 4 half + {0, 2} and 4 half + {1, 3}.
inline Codes q5_k_codes(const Byte* block, int half) {
  Codes codes = nibbles(_mm512_loadu_si512(block + 48 + 64 * half));
  const __m512i h = _mm512_broadcast_i64x4(load32(block + 16));
  const auto bits = [half](int part) { return static_cast<char>(1 << (4 * half + part)); };
  const auto of_two = [&](int low, int high) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_set1_epi8(bits(low))), _mm256_set1_epi8(bits(high)), 1);
  };
  codes.first = with_fifth_bits(codes.first, _mm512_test_epi8_mask(h, of_two(0, 2)));
  codes.second = with_fifth_bits(codes.second, _mm512_test_epi8_mask(h, of_two(1, 3)));
  return codes;
}

/// Half a block of 256 elements: the first vector holds its elements 0-63, whose upper bits are bits 0-1 and 2-3 of the
/// 32 bytes at h, the second one 64-127 with bits 4-5 and 6-7.
inline Codes q6_k_codes(const Byte* block, int half) {
  Codes codes = nibbles(_mm512_loadu_si512(block + 64 * half));
  const __m512i h = _mm512_broadcast_i64x4(load32(block + 128 + 32 * half));
  const __m512i upper = _mm512_set1_epi8(0x30);
  const __m512i left = _mm512_sllv_epi64(h, _mm512_setr_epi64(4, 4, 4, 4, 2, 2, 2, 2));
  const __m512i right = _mm512_srlv_epi64(h, _mm512_setr_epi64(0, 0, 0, 0, 2, 2, 2, 2));
  codes.first = _mm512_or_si512(codes.first, _mm512_and_si512(left, upper));
  codes.second = _mm512_or_si512(codes.second, _mm512_and_si512(right, upper));
  return codes;
}

/// Of the 16 parts of 16 elements of one block.
inline __m512 q6_k_scales(const Byte* block) {
  return _mm512_mul_ps(half_in_all(block + 208), _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load16(block + 192))));
}

/// Of two blocks of 256 elements, each of which begins with d, m and 12 bytes of 6-bit scales and minima: see
/// PartScales in blocks.inl. Both at once in vectors: in general registers it takes 40 instructions.
template <std::size_t stride>
inline Scales part_scales(const Byte* p) {
  const __m256i heads = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(p)), load16(p + stride), 1);
  const auto of_both = [](int a, int b, int c, int d) { return _mm256_setr_epi32(a, b, c, d, a, b, c, d); };
  // With s[0..2] the words of the 12 bytes: scales 0-3, low bits of scales 4-7; minima 0-3, low bits of minima 4-7
  const __m256i words = _mm256_shuffle_epi32(heads, 0b11'10'11'01);
  const __m256i low = _mm256_and_si256(_mm256_srlv_epi32(words, of_both(0, 0, 0, 4)),
                                       of_both(0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f));
  // The upper bits of s[0] and s[1] are those of scales and minima 4-7.
  const __m256i high = _mm256_srli_epi32(_mm256_shuffle_epi32(heads, 0b10'10'01'01), 2);
  constexpr int kLowOrHighAndMask = 0xf8;
  const __m256i six = _mm256_ternarylogic_epi32(low, high, of_both(0, 0x30303030, 0, 0x30303030), kLowOrHighAndMask);
  const __m256i sorted = _mm256_permute4x64_epi64(six, 0b11'01'10'00);    // scales of both blocks, minima of both
  const __m512 halves = _mm512_cvtph_ps(_mm256_shuffle_epi32(heads, 0));  // d, m, d, m ... of each block
  const auto floats = [](__m128i bytes) { return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)); };
  return {
      _mm512_mul_ps(_mm512_moveldup_ps(halves), floats(_mm256_castsi256_si128(sorted))),
      _mm512_fnmadd_ps(_mm512_movehdup_ps(halves), floats(_mm256_extracti128_si256(sorted, 1)), _mm512_setzero_ps())};
}

/// Of 512 elements of any type but q6_k.
template <DataType type>
inline Scales scales_of(const Byte* blocks) {
  constexpr std::size_t kStride = block_bytes(type);
  if constexpr (block_elements(type) == 256)
    return part_scales<kStride>(blocks);
  else if constexpr (type == DataType::q4_0)
    return {halves_of_sixteen_near(blocks), _mm512_setzero_ps()};
  else if constexpr (has_minima(type))
    return {halves_of_sixteen<kStride>(blocks), halves_of_sixteen<kStride>(blocks + 2)};
  else
    return {halves_of_sixteen<kStride>(blocks), _mm512_setzero_ps()};
}

/// Of elements 128 step ... of 512.
template <DataType type>
inline Codes codes_of(const Byte* blocks, int step) {
  constexpr std::size_t kStride = block_bytes(type);
  const auto at = static_cast<std::size_t>(step);
  if constexpr (type == DataType::q8_0)
    return q8_0_codes(blocks + 4 * at * kStride);
  else if constexpr (type == DataType::q4_0)
    return half_codes<kStride, 2, false>(blocks + 4 * at * kStride);
  else if constexpr (type == DataType::q4_1)
    return half_codes<kStride, 4, false>(blocks + 4 * at * kStride);
  else if constexpr (type == DataType::q5_0)
    return half_codes<kStride, 6, true>(blocks + 4 * at * kStride);
  else if constexpr (type == DataType::q5_1)
    return half_codes<kStride, 8, true>(blocks + 4 * at * kStride);
  else if constexpr (type == DataType::q4_k)
    return q4_k_codes(blocks + at / 2 * kStride, step % 2);
  else
    return q5_k_codes(blocks + at / 2 * kStride, step % 2);
}

}  // namespace
}  // namespace gemring
