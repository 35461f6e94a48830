// Activations to 8 bits. See activation_chunk.h.

namespace gemring {
namespace {

/// 32 activations: values to their places, scale, and the sum where it is wanted.
inline void quantise_part(const float* x, std::int8_t* first_half, std::int8_t* second_half, bool wants_sum,
                          float& scale, float& scaled_sum) {
  const EightBits rounded = to_eight_bits(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16));
  _mm_store_si128(reinterpret_cast<__m128i*>(first_half), _mm512_cvtepi32_epi8(rounded.first));
  _mm_store_si128(reinterpret_cast<__m128i*>(second_half), _mm512_cvtepi32_epi8(rounded.second));
  scale = rounded.scale;
  scaled_sum = wants_sum ? rounded.scaled_sum() : 0;
}

/// offsets = - zero point * sums of four values
inline void put_offsets(CodeOrder order, int zero_point, ActivationChunk& chunk) {
  const __m512i points = _mm512_set1_epi8(static_cast<char>(zero_point));
  const __m512i none = _mm512_setzero_si512();
  for (std::size_t i = 0; i < ActivationChunk::kValues; i += 128) {
    __m512i first = _mm512_dpbusd_epi32(none, points, _mm512_load_si512(chunk.values + i));
    __m512i second = _mm512_dpbusd_epi32(none, points, _mm512_load_si512(chunk.values + i + 64));
    if (order == CodeOrder::halves_in_nibbles) {  // the second vector's sums are carried on from the first one's
      first = _mm512_add_epi32(first, second);
      second = none;
    }
    _mm512_store_si512(chunk.offsets + i / 4, _mm512_sub_epi32(none, first));
    _mm512_store_si512(chunk.offsets + i / 4 + 16, _mm512_sub_epi32(none, second));
  }
}

void quantise_activations(DataType weights, const float* x, std::size_t cols, ActivationChunk* chunks) {
  constexpr std::size_t kPart = ActivationChunk::kPartValues;
  const CodeOrder order = code_order(weights);
  const bool minima = has_minima(weights);
  for (std::size_t at = 0; at < cols; at += ActivationChunk::kValues, ++chunks) {
    const std::size_t rest = (cols - at) / kPart;
    const std::size_t parts = rest < ActivationChunk::kParts ? rest : ActivationChunk::kParts;
    if (parts < ActivationChunk::kParts) __builtin_memset(chunks, 0, sizeof *chunks);
    for (std::size_t part = 0; part < parts; ++part) {
      quantise_part(x + at + part * kPart, chunks->values + half_place(order, part, 0),
                    chunks->values + half_place(order, part, 1), minima, chunks->scales[part], chunks->sums[part]);
    }
    put_offsets(order, zero_point(weights), *chunks);
  }
}

}  // namespace
}  // namespace gemring
