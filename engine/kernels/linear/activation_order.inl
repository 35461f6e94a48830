// Where the activations of an ActivationChunk lie: so that 64 bytes of it meet the 64 codes that few instructions make
// of stored blocks. Four parts of 32, p = 0..3, make two vectors of 64 bytes; a h b h ... are halves of 16:
//
//   codes lie           weights                  first vector        second vector
//   one by one          q8_0, q6_k               0a 0b 1a 1b         2a 2b 3a 3b
//   halves in nibbles   q4_0, q4_1, q5_0, q5_1   0a 1a 2a 3a         0b 1b 2b 3b
//   parts in nibbles    q4_k, q5_k               0a 0b 2a 2b         1a 1b 3a 3b
//
// Included after the data types, by every instruction set that has these kernels; see vector.inl.

namespace gemring {
namespace {

enum class CodeOrder { one_by_one, halves_in_nibbles, parts_in_nibbles };

constexpr CodeOrder code_order(DataType weights) {
  switch (weights) {
    case DataType::q4_0:
    case DataType::q4_1:
    case DataType::q5_0:
    case DataType::q5_1:
      return CodeOrder::halves_in_nibbles;
    case DataType::q4_k:
    case DataType::q5_k:
      return CodeOrder::parts_in_nibbles;
    default:
      return CodeOrder::one_by_one;
  }
}

/// Index in ActivationChunk::values of the first of the 16 activations of half `half` of part `part`.
constexpr std::size_t half_place(CodeOrder order, std::size_t part, std::size_t half) {
  const std::size_t four = part / 4 * 128;
  switch (order) {
    case CodeOrder::halves_in_nibbles:
      return four + 64 * half + 16 * (part % 4);
    case CodeOrder::parts_in_nibbles:
      return four + 64 * (part % 2) + 32 * (part % 4 / 2) + 16 * half;
    default:
      return four + 32 * (part % 4) + 16 * half;
  }
}

/// Value = scale * (code - zero point) - minimum: what is taken from the unsigned codes of a type.
constexpr int zero_point(DataType weights) {
  switch (weights) {
    case DataType::q8_0:
      return 128;
    case DataType::q4_0:
      return 8;
    case DataType::q5_0:
      return 16;
    case DataType::q6_k:
      return 32;
    default:
      return 0;
  }
}

constexpr bool has_minima(DataType weights) {
  return weights == DataType::q4_1 || weights == DataType::q5_1 || weights == DataType::q4_k ||
         weights == DataType::q5_k;
}

/// Below it a part of activations counts as zeros: 127 / it must be a number.
constexpr float kLeastMagnitude = 1e-36f;

}  // namespace
}  // namespace gemring
