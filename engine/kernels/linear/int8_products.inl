// Products of weights in blocks with activations of 8 bits, in plain loops: what the arithmetic is, for sets without
// instructions for it and for the tests. Sums of products are exact inside 16 elements. See vector.inl, blocks.inl.

namespace gemring {
namespace {

void quantise_activations(DataType weights, const float* x, std::size_t cols, ActivationChunk* chunks) {
  constexpr std::size_t kPart = ActivationChunk::kPartValues;
  const CodeOrder order = code_order(weights);
  for (std::size_t chunk = 0; chunk < activation_chunks(cols); ++chunk) {
    ActivationChunk& out = chunks[chunk];
    __builtin_memset(&out, 0, sizeof out);
    const float* in = x + chunk * ActivationChunk::kValues;
    const std::size_t rest = (cols - chunk * ActivationChunk::kValues) / kPart;
    const std::size_t parts = rest < ActivationChunk::kParts ? rest : ActivationChunk::kParts;
    for (std::size_t part = 0; part < parts; ++part, in += kPart) {
      std::uint32_t largest_bits = 0;  // those of magnitudes are ordered like them, and NaN is above all
      for (std::size_t j = 0; j < kPart; ++j) {
        std::uint32_t bits;
        __builtin_memcpy(&bits, in + j, 4);
        bits &= 0x7fffffffu;
        largest_bits = bits > largest_bits ? bits : largest_bits;
      }
      float largest;
      __builtin_memcpy(&largest, &largest_bits, 4);
      const bool usable = largest > kLeastMagnitude && largest_bits < 0x7f800000u;
      const float inverse = usable ? 127.0f / largest : 0.0f;
      std::int32_t sum = 0;
      for (std::size_t j = 0; usable && j < kPart; ++j) {
        const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest integer
        const auto value = static_cast<std::int8_t>((in[j] * inverse + magic) - magic);
        out.values[half_place(order, part, j / 16) + j % 16] = value;
        sum += value;
      }
      out.scales[part] = largest / 127.0f;
      out.sums[part] = has_minima(weights) ? out.scales[part] * static_cast<float>(sum) : 0.0f;
    }
    for (std::size_t i = 0; i < ActivationChunk::kValues; ++i) {
      // Halves in nibbles: the second vector's sums are carried on from the first one's.
      const std::size_t vector = order == CodeOrder::halves_in_nibbles ? i / 128 * 2 : i / 64;
      out.offsets[vector * 16 + i % 64 / 4] -= zero_point(weights) * out.values[i];
    }
  }
}

/// Codes of 32 elements, less the zero point, and their scales (of 16 each) and minimum.
struct PlainPart {
  std::int32_t codes[32];
  float scale[2];
  float minimum;
};

/// Part `part` of a row of blocks.
template <DataType type>
inline void plain_part(const Byte* blocks, std::size_t part, PlainPart& out) {
  constexpr std::size_t kParts = block_elements(type) / 32;
  const Byte* block = blocks + part / kParts * block_bytes(type);
  const std::size_t own = part % kParts;
  out.minimum = 0;
  if constexpr (type == DataType::q8_0) {
    for (int j = 0; j < 32; ++j) out.codes[j] = static_cast<signed char>(block[2 + j]);
    out.scale[0] = out.scale[1] = half_at(block);
  } else if constexpr (type == DataType::q6_k) {
    const Byte* q = block + 64 * (own / 4) + 32 * (own % 2);
    const Byte* h = block + 128 + 32 * (own / 4);
    for (int j = 0; j < 32; ++j) {
      const int low = q[j] >> (own % 4 < 2 ? 0 : 4) & 15;
      out.codes[j] = (low | (h[j] >> (own % 4 * 2) & 3) << 4) - 32;
    }
    for (std::size_t half = 0; half < 2; ++half)
      out.scale[half] =
          half_at(block + 208) * static_cast<float>(static_cast<signed char>(block[192 + 2 * own + half]));
  } else if constexpr (type == DataType::q4_k || type == DataType::q5_k) {
    const PartScales scales(block);
    const Byte* q = block + (type == DataType::q4_k ? 16 : 48) + 32 * (own / 2);
    for (int j = 0; j < 32; ++j) {
      out.codes[j] = q[j] >> (own % 2 * 4) & 15;
      if (type == DataType::q5_k) out.codes[j] |= (block[16 + j] >> own & 1) << 4;
    }
    out.scale[0] = out.scale[1] = scales.scale[own];
    out.minimum = scales.minimum[own];
  } else {
    constexpr bool kFifthBits = type == DataType::q5_0 || type == DataType::q5_1;
    constexpr std::size_t kHead = has_minima(type) ? 4 : 2;
    Byte q[32];
    split_nibbles(block + kHead + (kFifthBits ? 4 : 0), q);
    if constexpr (kFifthBits) add_fifth_bits(block + kHead, q);
    for (int j = 0; j < 32; ++j) out.codes[j] = q[j] - zero_point(type);
    out.scale[0] = out.scale[1] = half_at(block);
    if constexpr (has_minima(type)) out.minimum = -half_at(block + 2);
  }
}

template <DataType type>
float plain_int8_dot(const Byte* blocks, std::size_t cols, const ActivationChunk* x) {
  constexpr CodeOrder kOrder = code_order(type);
  float sum = 0;
  for (std::size_t part = 0; part < cols / ActivationChunk::kPartValues; ++part) {
    PlainPart w;
    plain_part<type>(blocks, part, w);
    const ActivationChunk& chunk = x[part / ActivationChunk::kParts];
    const std::size_t own = part % ActivationChunk::kParts;
    for (std::size_t half = 0; half < 2; ++half) {
      const std::int8_t* values = chunk.values + half_place(kOrder, own, half);
      std::int32_t exact = 0;
      for (std::size_t j = 0; j < 16; ++j) exact += w.codes[16 * half + j] * values[j];
      sum += static_cast<float>(exact) * (w.scale[half] * chunk.scales[own]);
    }
    sum -= w.minimum * chunk.sums[own];
  }
  return sum;
}

void dot_rows_int8(const WeightMatrix& weights, const RowStreams& rows, const ActivationChunk* x, float* out,
                   bool add) {
  with_type(weights.type, [&](auto stored) {
    constexpr DataType type = decltype(stored)::type;
    if constexpr (is_block_type(type)) {
      const std::size_t stride = weights.cols / block_elements(type) * block_bytes(type);
      const auto put = [&](std::size_t row) {
        const Byte* blocks = static_cast<const Byte*>(weights.data) + row * stride;
        const float sum = plain_int8_dot<type>(blocks, weights.cols, x);
        out[row] = add ? out[row] + sum : sum;
      };
      for (std::size_t row = rows.begin; row < rows.end; ++row) {
        put(row);
        if (rows.apart != 0) put(row + rows.apart);
      }
    }
  });
}

}  // namespace
}  // namespace gemring
