// Products of weights in blocks with activations of 8 bits by vpdpbusd: 64 unsigned codes times 64 signed activations
// to 16 sums of four. Compiled with its own flags (engine/kernels/CMakeLists.txt); see kernel_table.cpp. Nothing inline
// of the standard library is called, see vector.inl. Block formats: blocks.inl.
#include <immintrin.h>

#include "engine/kernels/kernel_table.h"
#include "engine/kernels/linear/activation_chunk.h"
//
#include "engine/kernels/linear/activation_order.inl"
//
#include "engine/kernels/avx512vnni/codes.inl"
//
#include "engine/kernels/avx512vnni/eight_bits.inl"
//
#include "engine/kernels/avx512vnni/activations.inl"

namespace gemring {
namespace {

/// The lines of quarter `step` of the `bytes` bytes at `ahead`. All of a chunk's at once would fill the buffers that
/// loads wait in: 0.97 of a plain read with q8_0, and not 1.03.
template <std::size_t bytes>
inline void fetch(const Byte* ahead, int step) {
  constexpr std::size_t kLines = (bytes + 63) / 64;
  const auto quarter = static_cast<std::size_t>(step);
#pragma GCC unroll 4
  for (std::size_t line = kLines * quarter / 4; line < kLines * (quarter + 1) / 4; ++line)
    _mm_prefetch(ahead + 64 * line, _MM_HINT_T0);
}

/// lanes[i] of `v` becomes v[first(i)]: the scales of the parts that a vector of codes holds.
inline __m512 spread(__m512 scales, __m512i lanes) {
  return _mm512_permutexvar_ps(lanes, scales);
}

/// Which of a chunk's parts each lane of the two vectors of step `step` belongs to (activation_order.inl).
template <DataType type>
inline __m512i parts_of_first(int step) {
  constexpr CodeOrder kOrder = code_order(type);
  const __m512i base = _mm512_set1_epi32(4 * step);
  if constexpr (kOrder == CodeOrder::halves_in_nibbles)
    return _mm512_add_epi32(base, _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
  else if constexpr (kOrder == CodeOrder::parts_in_nibbles)
    return _mm512_add_epi32(base, _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2));
  else
    return _mm512_add_epi32(base, _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
}
template <DataType type>
inline __m512i parts_of_second(int step) {
  if constexpr (code_order(type) == CodeOrder::parts_in_nibbles)
    return _mm512_add_epi32(parts_of_first<type>(step), _mm512_set1_epi32(1));
  else
    return _mm512_add_epi32(parts_of_first<type>(step), _mm512_set1_epi32(2));
}

inline __m512 scaled(__m512i sums, __m512 scales, __m512 onto) {
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), scales, onto);
}

/// Sums of a row with one token, over whole chunks. Two of them, as one would wait for itself.
struct Sums {
  __m512 even;
  __m512 odd;
};

/// Adds one step, 128 elements: the two vectors of codes with those of the activations.
template <DataType type>
inline void add_step(const Codes& codes, int step, const ActivationChunk& x, __m512 scales, Sums& sums) {
  const __m512i first = _mm512_load_si512(x.values + 128 * step);
  const __m512i second = _mm512_load_si512(x.values + 128 * step + 64);
  const __m512i offsets = zero_point(type) == 0 ? _mm512_setzero_si512() : _mm512_load_si512(x.offsets + 32 * step);
  const __m512i dot = _mm512_dpbusd_epi32(offsets, codes.first, first);
  if constexpr (code_order(type) == CodeOrder::halves_in_nibbles) {
    __m512& sum = step % 2 == 0 ? sums.even : sums.odd;
    sum = scaled(_mm512_dpbusd_epi32(dot, codes.second, second), spread(scales, parts_of_first<type>(step)), sum);
  } else {
    const __m512i other =
        zero_point(type) == 0 ? _mm512_setzero_si512() : _mm512_load_si512(x.offsets + 32 * step + 16);
    sums.even = scaled(dot, spread(scales, parts_of_first<type>(step)), sums.even);
    sums.odd =
        scaled(_mm512_dpbusd_epi32(other, codes.second, second), spread(scales, parts_of_second<type>(step)), sums.odd);
  }
}

constexpr std::size_t kValues = ActivationChunk::kValues;
template <DataType type>
constexpr std::size_t kChunkBytes = kValues / block_elements(type) * block_bytes(type);

/// Adds one chunk, 512 elements of blocks of 32 or two blocks of 256, and fetches as many bytes `ahead`.
template <DataType type>
inline void add_chunk(const Byte* blocks, const Byte* ahead, const ActivationChunk& x, Sums& sums) {
  const Scales w = scales_of<type>(blocks);
  const __m512 scales = _mm512_mul_ps(w.scales, _mm512_load_ps(x.scales));
  if constexpr (has_minima(type)) sums.odd = _mm512_fmadd_ps(w.minima, _mm512_load_ps(x.sums), sums.odd);
#pragma GCC unroll 4
  for (int step = 0; step < 4; ++step) {
    fetch<kChunkBytes<type>>(ahead, step);
    add_step<type>(codes_of<type>(blocks, step), step, x, scales, sums);
  }
}

/// The same for q6_k, whose scales are of 16 elements.
template <>
inline void add_chunk<DataType::q6_k>(const Byte* blocks, const Byte* ahead, const ActivationChunk& x, Sums& sums) {
  const __m512i quarters = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  const __m512i pairs = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    const Byte* block = blocks + half * static_cast<int>(block_bytes(DataType::q6_k));
    const __m512i parts = _mm512_add_epi32(pairs, _mm512_set1_epi32(8 * half));
    const __m512 scales = _mm512_mul_ps(q6_k_scales(block), spread(_mm512_load_ps(x.scales), parts));
#pragma GCC unroll 2
    for (int step = 0; step < 2; ++step) {
      fetch<kChunkBytes<DataType::q6_k>>(ahead, 2 * half + step);
      const Codes codes = q6_k_codes(block, step);
      const int place = 4 * half + 2 * step;  // of the vector in the chunk
      const __m512i lanes = _mm512_add_epi32(quarters, _mm512_set1_epi32(8 * step));
      const __m512i next_lanes = _mm512_add_epi32(lanes, _mm512_set1_epi32(4));
      const __m512i* values = reinterpret_cast<const __m512i*>(x.values) + place;
      const __m512i* offsets = reinterpret_cast<const __m512i*>(x.offsets) + place;
      const __m512i dot = _mm512_dpbusd_epi32(offsets[0], codes.first, values[0]);
      const __m512i other = _mm512_dpbusd_epi32(offsets[1], codes.second, values[1]);
      sums.even = scaled(dot, spread(scales, lanes), sums.even);
      sums.odd = scaled(other, spread(scales, next_lanes), sums.odd);
    }
  }
}

/// out[i] = row i . x, a chunk of each row in turn.
template <DataType type, std::size_t rows>
inline void dot(const Byte* const (&row)[rows], std::size_t cols, const ActivationChunk* x, float (&out)[rows]) {
  const std::size_t whole = cols / kValues;
  Sums sums[rows];
  for (std::size_t i = 0; i < rows; ++i) sums[i] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  for (std::size_t chunk = 0; chunk < whole; ++chunk) {
#pragma GCC unroll 2
    for (std::size_t i = 0; i < rows; ++i) {
      const Byte* blocks = row[i] + chunk * kChunkBytes<type>;
      add_chunk<type>(blocks, blocks + kReadAhead, x[chunk], sums[i]);
    }
  }
  if (whole < activation_chunks(cols)) {  // what the row lacks is blocks of zeros: a file may end behind the row
    const std::size_t stored = cols / block_elements(type) * block_bytes(type);
    const std::size_t count = (cols - whole * kValues) / block_elements(type) * block_bytes(type);
    for (std::size_t i = 0; i < rows; ++i) {
      Byte padded[kChunkBytes<type>] = {};
      __builtin_memcpy(padded, row[i] + stored - count, count);
      add_chunk<type>(padded, row[i] + stored, x[whole], sums[i]);
    }
  }
  for (std::size_t i = 0; i < rows; ++i) out[i] = _mm512_reduce_add_ps(_mm512_add_ps(sums[i].even, sums[i].odd));
}

template <DataType type>
void dot_rows_of(const WeightMatrix& weights, const RowStreams& rows, const ActivationChunk* x, float* out, bool add) {
  const std::size_t stride = weights.cols / block_elements(type) * block_bytes(type);
  const auto stored = [&](std::size_t row) { return static_cast<const Byte*>(weights.data) + row * stride; };
  const auto put = [&](std::size_t row, float sum) { out[row] = add ? out[row] + sum : sum; };
  for (std::size_t row = rows.begin; row < rows.end; ++row) {
    if (rows.apart == 0) {
      float sum[1];
      dot<type>({stored(row)}, weights.cols, x, sum);
      put(row, sum[0]);
    } else {
      float sums[2];
      dot<type>({stored(row), stored(row + rows.apart)}, weights.cols, x, sums);
      put(row, sums[0]);
      put(row + rows.apart, sums[1]);
    }
  }
}

void dot_rows_int8(const WeightMatrix& weights, const RowStreams& rows, const ActivationChunk* x, float* out,
                   bool add) {
  const auto run = [&](auto rows_of) { rows_of(weights, rows, x, out, add); };
  switch (weights.type) {
    case DataType::q8_0:
      return run(dot_rows_of<DataType::q8_0>);
    case DataType::q4_0:
      return run(dot_rows_of<DataType::q4_0>);
    case DataType::q4_1:
      return run(dot_rows_of<DataType::q4_1>);
    case DataType::q5_0:
      return run(dot_rows_of<DataType::q5_0>);
    case DataType::q5_1:
      return run(dot_rows_of<DataType::q5_1>);
    case DataType::q4_k:
      return run(dot_rows_of<DataType::q4_k>);
    case DataType::q5_k:
      return run(dot_rows_of<DataType::q5_k>);
    case DataType::q6_k:
      return run(dot_rows_of<DataType::q6_k>);
    default:  // no blocks: linear() does not come here
      return;
  }
}

}  // namespace

extern void use_avx512vnni_many(KernelTable& table);
extern void use_avx512vnni_probe(KernelTable& table);

extern void use_avx512vnni_kernels(KernelTable& table);
void use_avx512vnni_kernels(KernelTable& table) {
  use_avx512vnni_many(table);
  use_avx512vnni_probe(table);
  table.quantise_activations = quantise_activations;
  table.dot_rows_int8 = dot_rows_int8;
}

}  // namespace gemring
