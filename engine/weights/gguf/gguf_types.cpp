#include "engine/weights/gguf/gguf_types.h"

#include <array>

namespace gemring {
namespace {

struct Numbered {
  std::uint32_t id;
  GgufType type;
};

constexpr GgufType computable(std::string_view name, DataType type) {
  return {name, static_cast<std::uint32_t>(block_elements(type)), static_cast<std::uint32_t>(block_bytes(type)), type};
}

constexpr std::array<Numbered, 32> kTypes = {{
    {0, computable("F32", DataType::f32)},
    {1, computable("F16", DataType::f16)},
    {2, computable("Q4_0", DataType::q4_0)},
    {3, computable("Q4_1", DataType::q4_1)},
    {6, computable("Q5_0", DataType::q5_0)},
    {7, computable("Q5_1", DataType::q5_1)},
    {8, computable("Q8_0", DataType::q8_0)},
    {9, {"Q8_1", 32, 36, {}}},
    {10, {"Q2_K", 256, 84, {}}},
    {11, {"Q3_K", 256, 110, {}}},
    {12, computable("Q4_K", DataType::q4_k)},
    {13, computable("Q5_K", DataType::q5_k)},
    {14, computable("Q6_K", DataType::q6_k)},
    {15, {"Q8_K", 256, 292, {}}},
    {16, {"IQ2_XXS", 256, 66, {}}},
    {17, {"IQ2_XS", 256, 74, {}}},
    {18, {"IQ3_XXS", 256, 98, {}}},
    {19, {"IQ1_S", 256, 50, {}}},
    {20, {"IQ4_NL", 32, 18, {}}},
    {21, {"IQ3_S", 256, 110, {}}},
    {22, {"IQ2_S", 256, 82, {}}},
    {23, {"IQ4_XS", 256, 136, {}}},
    {24, {"I8", 1, 1, {}}},
    {25, {"I16", 1, 2, {}}},
    {26, {"I32", 1, 4, {}}},
    {27, {"I64", 1, 8, {}}},
    {28, {"F64", 1, 8, {}}},
    {29, {"IQ1_M", 256, 56, {}}},
    {30, computable("BF16", DataType::bf16)},
    {34, {"TQ1_0", 256, 54, {}}},
    {35, {"TQ2_0", 256, 66, {}}},
    {39, {"MXFP4", 32, 17, {}}},
}};

}  // namespace

std::optional<GgufType> gguf_type(std::uint32_t id) {
  for (const Numbered& known : kTypes) {
    if (known.id == id) return known.type;
  }
  return std::nullopt;
}

std::string_view computable_gguf_types() {
  return "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K";
}

}  // namespace gemring
