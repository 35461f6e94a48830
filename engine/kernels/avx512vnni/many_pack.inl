// Operands of an Int8Product. See int8_product.h.

namespace gemring {
namespace {

/// 32 activations of token `token` of a group.
inline void put_token(const float* x, std::size_t token, TokenBlock& block) {
  const EightBits rounded = to_eight_bits(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16));
  const __m256i values = _mm256_set_m128i(_mm512_cvtepi32_epi8(rounded.second), _mm512_cvtepi32_epi8(rounded.first));
  alignas(32) std::uint32_t fours[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(fours), _mm256_xor_si256(values, _mm256_set1_epi8(-128)));
#pragma GCC unroll 8
  for (std::size_t q = 0; q < 8; ++q) __builtin_memcpy(block.values[q][token], &fours[q], 4);
  block.scales[token] = rounded.scale;
  block.sums[token] = rounded.scaled_sum();
}

void pack_tokens(const float* x, std::size_t stride, std::size_t tokens, std::size_t inputs, TokenBlock* blocks) {
  for (std::size_t i = 0; i < inputs; i += kInt8Inputs, ++blocks) {
    if (tokens < kInt8Tokens) __builtin_memset(blocks, 0, sizeof *blocks);
    for (std::size_t t = 0; t < tokens; ++t) put_token(x + t * stride + i, t, *blocks);
  }
}

/// Codes of two parts of 32 inputs, in order, with the zero point taken off. `pair`: 0..7 of 512 inputs.
template <DataType type>
inline __m512i codes_in_order(const Byte* blocks, std::size_t pair) {
  constexpr CodeOrder kOrder = code_order(type);
  const Codes codes = codes_of<type>(blocks, static_cast<int>(pair / 2));  // of four parts, see activation_order.inl
  __m512i both;
  if constexpr (kOrder == CodeOrder::halves_in_nibbles) {  // the vectors hold the first and the second halves of parts
    const __m512i lanes =
        pair % 2 == 0 ? _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11) : _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    both = _mm512_permutex2var_epi64(codes.first, lanes, codes.second);
  } else if constexpr (kOrder == CodeOrder::parts_in_nibbles) {  // parts 0 and 2, parts 1 and 3
    const __m512i lanes =
        pair % 2 == 0 ? _mm512_setr_epi64(0, 1, 2, 3, 8, 9, 10, 11) : _mm512_setr_epi64(4, 5, 6, 7, 12, 13, 14, 15);
    both = _mm512_permutex2var_epi64(codes.first, lanes, codes.second);
  } else {
    both = pair % 2 == 0 ? codes.first : codes.second;
  }
  return _mm512_sub_epi8(both, _mm512_set1_epi8(static_cast<char>(zero_point(type))));
}
template <>
inline __m512i codes_in_order<DataType::q6_k>(const Byte* blocks, std::size_t pair) {
  const Codes codes = q6_k_codes(blocks + pair / 4 * block_bytes(DataType::q6_k), static_cast<int>(pair / 2 % 2));
  return _mm512_sub_epi8(pair % 2 == 0 ? codes.first : codes.second, _mm512_set1_epi8(32));
}

/// Two blocks of 16 rows: their codes by fours of inputs, and what makes the activations' 128 zero.
template <DataType type>
inline void put_codes(const Byte* const (&rows)[16], std::size_t pair, std::size_t vector, WeightBlock* blocks) {
  __m512i codes[16];
  for (std::size_t r = 0; r < 16; ++r)
    codes[r] = rows[r] == nullptr ? _mm512_setzero_si512() : codes_in_order<type>(rows[r], pair);
  transpose_16x16(codes);
  const __m512i points = _mm512_set1_epi8(-128);  // 128 without a sign
  for (std::size_t b = 0; b < 2; ++b) {
    WeightBlock& block = blocks[2 * pair + b];
    __m512i sums[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (std::size_t q = 0; q < 8; ++q) {
      _mm512_store_si512(block.codes[q][vector], codes[8 * b + q]);
      sums[q / 4] = _mm512_dpbusd_epi32(sums[q / 4], points, codes[8 * b + q]);
    }
    if (type != DataType::q6_k) sums[0] = _mm512_add_epi32(sums[0], sums[1]);
    for (std::size_t half = 0; half < 2; ++half)
      _mm512_store_si512(block.offsets[half][vector], _mm512_sub_epi32(_mm512_setzero_si512(), sums[half]));
  }
}

/// Numbers of 16 blocks of each of 16 rows to their places.
inline void put_numbers(__m512i (&numbers)[16], float* first, std::size_t step) {
  transpose_16x16(numbers);
  for (std::size_t b = 0; b < kInt8Blocks; ++b) _mm512_storeu_si512(first + b * step, numbers[b]);
}

constexpr std::size_t kFloatsOfBlock = sizeof(WeightBlock) / sizeof(float);

template <DataType type>
inline void put_scales(const Byte* const (&rows)[16], std::size_t vector, WeightBlock* blocks) {
  __m512i scales[16];
  __m512i minima[16];
  for (std::size_t r = 0; r < 16; ++r) {
    const Scales of_row =
        rows[r] == nullptr ? Scales{_mm512_setzero_ps(), _mm512_setzero_ps()} : scales_of<type>(rows[r]);
    scales[r] = (__m512i)of_row.scales;
    minima[r] = (__m512i)of_row.minima;
  }
  put_numbers(scales, blocks->scales[0][vector], kFloatsOfBlock);
  if constexpr (has_minima(type)) put_numbers(minima, blocks->minima[vector], kFloatsOfBlock);
}
template <>
inline void put_scales<DataType::q6_k>(const Byte* const (&rows)[16], std::size_t vector, WeightBlock* blocks) {
  for (std::size_t half = 0; half < 2; ++half) {  // of 512 inputs: 8 blocks with two scales each
    __m512i scales[16];
    for (std::size_t r = 0; r < 16; ++r) {
      scales[r] = rows[r] == nullptr ? _mm512_setzero_si512()
                                     : (__m512i)q6_k_scales(rows[r] + half * block_bytes(DataType::q6_k));
    }
    transpose_16x16(scales);
    for (std::size_t i = 0; i < 16; ++i) _mm512_store_si512(blocks[8 * half + i / 2].scales[i % 2][vector], scales[i]);
  }
}

template <DataType type>
void pack_rows(const Byte* stored, std::size_t stride, std::size_t count, std::size_t inputs, std::size_t vector,
               WeightBlock* blocks) {
  constexpr std::size_t kChunkBytes = kInt8ChunkInputs / block_elements(type) * block_bytes(type);
  Byte padded[16][kChunkBytes];  // of rows that end inside the chunk: a file may end behind them
  const Byte* rows[16] = {};
  for (std::size_t r = 0; r < count; ++r) {
    rows[r] = stored + r * stride;
    if (inputs == kInt8ChunkInputs) continue;
    const std::size_t used = inputs / block_elements(type) * block_bytes(type);
    __builtin_memcpy(padded[r], rows[r], used);
    __builtin_memset(padded[r] + used, 0, kChunkBytes - used);
    rows[r] = padded[r];
  }
  put_scales<type>(rows, vector, blocks);
  for (std::size_t pair = 0; pair < kInt8Blocks / 2; ++pair) put_codes<type>(rows, pair, vector, blocks);
}

void pack_weights(DataType type, const void* stored, std::size_t stride, std::size_t rows, std::size_t inputs,
                  std::size_t vector, WeightBlock* blocks) {
  const auto run = [&](auto pack) { pack(static_cast<const Byte*>(stored), stride, rows, inputs, vector, blocks); };
  switch (type) {
    case DataType::q8_0:
      return run(pack_rows<DataType::q8_0>);
    case DataType::q4_0:
      return run(pack_rows<DataType::q4_0>);
    case DataType::q4_1:
      return run(pack_rows<DataType::q4_1>);
    case DataType::q5_0:
      return run(pack_rows<DataType::q5_0>);
    case DataType::q5_1:
      return run(pack_rows<DataType::q5_1>);
    case DataType::q4_k:
      return run(pack_rows<DataType::q4_k>);
    case DataType::q5_k:
      return run(pack_rows<DataType::q5_k>);
    case DataType::q6_k:
      return run(pack_rows<DataType::q6_k>);
    default:  // no blocks: linear() does not come here
      return;
  }
}

}  // namespace
}  // namespace gemring
