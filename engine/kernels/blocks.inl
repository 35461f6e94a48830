// Blocks of quantised weights: what their bytes mean, their values in f32, dot products on them. See vector.inl. The
// loops have constant lengths and are left to the compiler's vectoriser.
//
// d and m are f16 numbers; a nibble list q[16] has elements 0-15 in the low halves of its bytes and 16-31 in the high
// ones. Source: ggml-common.h (block_*), ggml-quants.c (dequantize_row_*).
//
//   type   bytes of a block                                     value of an element
//   q8_0   d | i8 q[32]                                         d q
//   q4_0   d | u8 q[16]                                         d (q - 8)
//   q4_1   d m | u8 q[16]                                       d q + m
//   q5_0   d | u32 h | u8 q[16]                                 d (q + 16 h - 16), bit j of h is element j's
//   q5_1   d m | u32 h | u8 q[16]                               d (q + 16 h) + m
//   q4_k   d m | u8 s[12] | u8 q[128]                           d scale q - m minimum, 8 parts of 32 elements
//   q5_k   d m | u8 s[12] | u8 h[32] | u8 q[128]                d scale (q + 16 h) - m minimum
//   q6_k   u8 q[128] | u8 h[64] | i8 scale[16] | d              d scale (q + 16 h - 32), 16 parts of 16 elements

namespace gemring {
namespace {

typedef unsigned char Byte;
typedef Byte Bytes16 __attribute__((vector_size(16), aligned(1), may_alias));

/// A binary16 at any address.
inline float half_at(const Byte* p) {
  std::uint16_t bits;
  __builtin_memcpy(&bits, p, 2);
  const std::uint32_t magnitude = bits & 0x7fffu;
  std::uint32_t word = magnitude << 13;
  float finite;
  __builtin_memcpy(&finite, &word, 4);
  finite *= 0x1p112f;  // moves the exponent, and normalises subnormals
  __builtin_memcpy(&word, &finite, 4);
  if (magnitude >= 0x7c00u) word = 0x7f800000u | (magnitude << 13);
  word |= (bits & 0x8000u) << 16;
  __builtin_memcpy(&finite, &word, 4);
  return finite;
}

inline void unpack_q8_0(const Byte* __restrict block, float* __restrict out) {
  const float d = half_at(block);
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(static_cast<signed char>(block[2 + j]));
}

/// Low halves of 16 bytes, then the high ones.
inline void split_nibbles(const Byte* q, Byte* out) {
  const Bytes16 both = *reinterpret_cast<const Bytes16*>(q);
  *reinterpret_cast<Bytes16*>(out) = both & 15;
  *reinterpret_cast<Bytes16*>(out + 16) = both >> 4;
}

/// values[j] += 16 where bit j of the four bytes at h is set, eight values at once (little-endian).
inline void add_fifth_bits(const Byte* h, Byte* values) {
  for (int i = 0; i < 4; ++i) {
    std::uint64_t eight;
    __builtin_memcpy(&eight, values + 8 * i, 8);
    const std::uint64_t own_bit = h[i] * 0x0101010101010101u & 0x8040201008040201u;  // of its byte, in every byte
    const std::uint64_t top_bit = (own_bit + 0x7f7f7f7f7f7f7f7fu) & 0x8080808080808080u;
    eight |= top_bit >> 3;
    __builtin_memcpy(values + 8 * i, &eight, 8);
  }
}

inline void unpack_q4_0(const Byte* __restrict block, float* __restrict out) {
  const float d = half_at(block);
  Byte q[32];
  split_nibbles(block + 2, q);
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(q[j] - 8);
}

inline void unpack_q4_1(const Byte* __restrict block, float* __restrict out) {
  const float d = half_at(block);
  const float m = half_at(block + 2);
  Byte q[32];
  split_nibbles(block + 4, q);
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(q[j]) + m;
}

inline void unpack_q5_0(const Byte* __restrict block, float* __restrict out) {
  const float d = half_at(block);
  Byte q[32];
  split_nibbles(block + 6, q);
  add_fifth_bits(block + 2, q);
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(q[j] - 16);
}

inline void unpack_q5_1(const Byte* __restrict block, float* __restrict out) {
  const float d = half_at(block);
  const float m = half_at(block + 2);
  Byte q[32];
  split_nibbles(block + 8, q);
  add_fifth_bits(block + 4, q);
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(q[j]) + m;
}

/// The 6-bit scales and minima of the 8 parts of a q4_k or q5_k block, times d and m. s[0..3] and s[4..7] hold those of
/// parts 0-3 in their low 6 bits; of parts 4-7 the low 4 bits are the halves of s[8..11], the upper 2 the upper bits of
/// s[0..7].
struct PartScales {
  float scale[8];
  float minimum[8];

  explicit PartScales(const Byte* block) {
    const float d = half_at(block);
    const float m = half_at(block + 2);
    const Byte* s = block + 4;
    for (int j = 0; j < 4; ++j) {
      scale[j] = d * static_cast<float>(s[j] & 63);
      minimum[j] = m * static_cast<float>(s[j + 4] & 63);
      scale[j + 4] = d * static_cast<float>((s[j + 8] & 15) | (s[j] >> 6) << 4);
      minimum[j + 4] = m * static_cast<float>((s[j + 8] >> 4) | (s[j + 4] >> 6) << 4);
    }
  }
};

inline void unpack_q4_k(const Byte* __restrict block, float* __restrict out) {
  const PartScales parts(block);
  const Byte* q = block + 16;
  for (int i = 0; i < 8; i += 2, q += 32, out += 64) {
    for (int j = 0; j < 32; ++j) out[j] = parts.scale[i] * static_cast<float>(q[j] & 15) - parts.minimum[i];
    for (int j = 0; j < 32; ++j)
      out[j + 32] = parts.scale[i + 1] * static_cast<float>(q[j] >> 4) - parts.minimum[i + 1];
  }
}

/// Bit i of h[j] is part i's.
inline void unpack_q5_k(const Byte* __restrict block, float* __restrict out) {
  const PartScales parts(block);
  const Byte* h = block + 16;
  const Byte* q = block + 48;
  for (int i = 0; i < 8; i += 2, q += 32, out += 64) {
    for (int j = 0; j < 32; ++j) {
      const int five = (q[j] & 15) | (h[j] >> i & 1) << 4;
      out[j] = parts.scale[i] * static_cast<float>(five) - parts.minimum[i];
    }
    for (int j = 0; j < 32; ++j) {
      const int five = (q[j] >> 4) | (h[j] >> (i + 1) & 1) << 4;
      out[j + 32] = parts.scale[i + 1] * static_cast<float>(five) - parts.minimum[i + 1];
    }
  }
}

/// Per 128 elements 64 bytes of q (low halves: elements 0-63, high halves: 64-127) and 32 of h (bits 0-1: elements
/// 0-31, 2-3: 32-63, and so on).
inline void unpack_q6_k(const Byte* __restrict block, float* __restrict out) {
  const float d = half_at(block + 208);
  for (int half = 0; half < 2; ++half) {
    for (int part = 0; part < 8; ++part) {  // 16 elements
      const Byte* q = block + 64 * half + 16 * (part & 3);
      const Byte* h = block + 128 + 32 * half + 16 * (part & 1);
      const float scale = d * static_cast<float>(static_cast<signed char>(block[192 + 8 * half + part]));
      float* to = out + 128 * half + 16 * part;
      const int q_shift = part < 4 ? 0 : 4;
      const int h_shift = part / 2 * 2;
      for (int j = 0; j < 16; ++j) {
        const int six = (q[j] >> q_shift & 15) | (h[j] >> h_shift & 3) << 4;
        to[j] = scale * static_cast<float>(six - 32);
      }
    }
  }
}

/// One block into block_elements(type) floats.
template <DataType type>
inline void unpack(const Byte* block, float* out) {
  if constexpr (type == DataType::q8_0)
    unpack_q8_0(block, out);
  else if constexpr (type == DataType::q4_0)
    unpack_q4_0(block, out);
  else if constexpr (type == DataType::q4_1)
    unpack_q4_1(block, out);
  else if constexpr (type == DataType::q5_0)
    unpack_q5_0(block, out);
  else if constexpr (type == DataType::q5_1)
    unpack_q5_1(block, out);
  else if constexpr (type == DataType::q4_k)
    unpack_q4_k(block, out);
  else if constexpr (type == DataType::q5_k)
    unpack_q5_k(block, out);
  else
    unpack_q6_k(block, out);
}

/// `count` is a multiple of block_elements(type).
template <DataType type>
void widen_blocks(const void* in, float* out, std::size_t count) {
  constexpr std::size_t kElements = block_elements(type);
  constexpr std::size_t kBytes = block_bytes(type);
  const Byte* block = static_cast<const Byte*>(in);
  for (std::size_t i = 0; i < count; i += kElements, block += kBytes) unpack<type>(block, out + i);
}

constexpr std::size_t kUnpacked = 256;     // elements that are unpacked into L1 and then used for all tokens
constexpr std::size_t kTokensAtOnce = 16;  // whose sums stay in L1 meanwhile

/// a . x, lane by lane; `count` is a multiple of 32, and so of 2 W.
inline Floats lane_products(const float* a, const float* x, std::size_t count) {
  Floats even = {};
  Floats odd = {};
  for (std::size_t i = 0; i < count; i += 2 * W) {
    even += load(a + i) * load(x + i);
    odd += load(a + i + W) * load(x + i + W);
  }
  return even + odd;
}

/// sums[t] = row . x[t] for at most kTokensAtOnce tokens.
template <DataType type>
void dot_blocks(const Byte* row, std::size_t cols, const float* x, std::size_t x_stride, std::size_t tokens,
                Floats* sums) {
  constexpr std::size_t kElements = block_elements(type);
  constexpr std::size_t kBytes = block_bytes(type);
  float values[kUnpacked];
  for (std::size_t t = 0; t < tokens; ++t) sums[t] = Floats{};
  for (std::size_t i = 0; i < cols; i += kUnpacked) {
    const std::size_t count = cols - i < kUnpacked ? cols - i : kUnpacked;
    widen_blocks<type>(row + i / kElements * kBytes, values, count);
    for (std::size_t t = 0; t < tokens; ++t) sums[t] += lane_products(values, x + t * x_stride + i, count);
  }
}

/// Rows [begin, end).
template <DataType type>
void dot_rows_of_blocks(const WeightMatrix& weights, std::size_t begin, std::size_t end, const float* x,
                        std::size_t x_stride, std::size_t tokens, float* out, std::size_t out_stride, bool add) {
  constexpr std::size_t kElements = block_elements(type);
  constexpr std::size_t kBytes = block_bytes(type);
  for (std::size_t row = begin; row < end; ++row) {
    const Byte* blocks = static_cast<const Byte*>(weights.data) + row * (weights.cols / kElements * kBytes);
    for (std::size_t t = 0; t < tokens; t += kTokensAtOnce) {
      Floats sums[kTokensAtOnce];
      const std::size_t count = tokens - t < kTokensAtOnce ? tokens - t : kTokensAtOnce;
      dot_blocks<type>(blocks, weights.cols, x + t * x_stride, x_stride, count, sums);
      for (std::size_t u = 0; u < count; ++u) {
        float& target = out[(t + u) * out_stride + row];
        const float sum = sum_of(sums[u]);
        target = add ? target + sum : sum;
      }
    }
  }
}

}  // namespace
}  // namespace gemring
