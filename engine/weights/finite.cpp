#include "engine/weights/finite.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>

#include "engine/base/error.h"
#include "engine/base/format.h"

namespace gemring {
namespace {

/// Where the scales of a block lie: f16 numbers at these offsets.
struct Scales {
  std::array<std::size_t, 2> offsets = {};
  std::size_t count = 0;
};

constexpr Scales scales_of(DataType type) {
  switch (type) {
    case DataType::q8_0:
    case DataType::q4_0:
    case DataType::q5_0:
    case DataType::f16:
      return {{0}, 1};
    case DataType::q4_1:  // d, m
    case DataType::q5_1:
    case DataType::q4_k:  // d, dmin
    case DataType::q5_k:
      return {{0, 2}, 2};
    case DataType::q6_k:
      return {{208}, 1};
    case DataType::bf16:
    case DataType::f32:  // the upper half has the exponent
      return {};
  }
  return {};
}

/// Whether all bits of the exponent are set in the 16 bits at `at`.
inline bool is_special(const std::byte* at, std::uint16_t exponent) {
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return (bits & exponent) == exponent;
}

template <DataType type>
bool any_special(const std::byte* blocks, std::size_t count) {
  constexpr Scales kScales = scales_of(type);
  bool special = false;
  for (std::size_t i = 0; i < count; ++i, blocks += block_bytes(type)) {
    if constexpr (kScales.count == 0) {
      special |= is_special(blocks + block_bytes(type) - 2, 0x7f80);
    } else {
      special |= is_special(blocks + kScales.offsets[0], 0x7c00);
      if constexpr (kScales.count == 2) special |= is_special(blocks + kScales.offsets[1], 0x7c00);
    }
  }
  return special;
}

bool any_special(DataType type, const std::byte* blocks, std::size_t count) {
  switch (type) {
    case DataType::f32:
      return any_special<DataType::f32>(blocks, count);
    case DataType::f16:
      return any_special<DataType::f16>(blocks, count);
    case DataType::bf16:
      return any_special<DataType::bf16>(blocks, count);
    case DataType::q8_0:
      return any_special<DataType::q8_0>(blocks, count);
    case DataType::q4_0:
      return any_special<DataType::q4_0>(blocks, count);
    case DataType::q4_1:
      return any_special<DataType::q4_1>(blocks, count);
    case DataType::q5_0:
      return any_special<DataType::q5_0>(blocks, count);
    case DataType::q5_1:
      return any_special<DataType::q5_1>(blocks, count);
    case DataType::q4_k:
      return any_special<DataType::q4_k>(blocks, count);
    case DataType::q5_k:
      return any_special<DataType::q5_k>(blocks, count);
    case DataType::q6_k:
      return any_special<DataType::q6_k>(blocks, count);
  }
  return false;
}

}  // namespace

std::optional<std::size_t> first_not_finite(DataType type, std::span<const std::byte> bytes) {
  constexpr std::int64_t kPiece = 1 << 14;  // blocks
  const auto count = static_cast<std::int64_t>(bytes.size() / block_bytes(type));
  std::int64_t first = std::numeric_limits<std::int64_t>::max();  // the piece
#pragma omp parallel for schedule(static) reduction(min : first) if (count > 4 * kPiece)
  for (std::int64_t begin = 0; begin < count; begin += kPiece) {
    const std::byte* blocks = bytes.data() + static_cast<std::size_t>(begin) * block_bytes(type);
    if (any_special(type, blocks, static_cast<std::size_t>(std::min(kPiece, count - begin))))
      first = std::min(first, begin);
  }
  if (first >= count) return std::nullopt;
  auto block = static_cast<std::size_t>(first);
  while (!any_special(type, bytes.data() + block * block_bytes(type), 1)) ++block;
  return block;
}

void refuse_not_finite(const TensorInfo& info, std::span<const std::byte> bytes, const std::string& location) {
  if (!is_block_type(info.type) && info.shape.size() > 1) return;
  const auto place = first_not_finite(info.type, bytes);
  if (!place) return;
  const std::string problem =
      is_block_type(info.type)
          ? fmt::format("tensor {} has a scale that is NaN or infinite in block {} of {}", info.name, grouped(*place),
                        name(info.type))
          : fmt::format("tensor {} has NaN or an infinity as element {}", info.name, grouped(*place));
  throw ModelFileError({location, problem, "the file is damaged; download it again"});
}

}  // namespace gemring
