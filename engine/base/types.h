// Index types that cannot be mixed: a rank is no layer, a position of the prompt is no position of a pass.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>

namespace gemring {

/// An integer with a meaning. Explicit to make, explicit to read (`value()`), ordered, counts up and down.
template <class Tag>
class StrongInt {
 public:
  using Value = std::int32_t;

  constexpr StrongInt() = default;
  template <std::integral Integer>
  constexpr explicit StrongInt(Integer value) : value_(static_cast<Value>(value)) {}

  constexpr Value value() const { return value_; }
  constexpr std::size_t index() const { return static_cast<std::size_t>(value_); }  // for subscripts

  constexpr auto operator<=>(const StrongInt&) const = default;
  constexpr StrongInt& operator++() { return ++value_, *this; }
  constexpr StrongInt operator+(Value offset) const { return StrongInt(value_ + offset); }
  constexpr Value operator-(StrongInt other) const { return value_ - other.value_; }

 private:
  Value value_ = 0;
};

using RankId = StrongInt<struct RankTag>;       // rank of the whole job (MPI_COMM_WORLD)
using LayerIndex = StrongInt<struct LayerTag>;  // 0-based decoder layer
using TokenId = StrongInt<struct TokenTag>;     // row of the embedding table

using OriginalPosition = StrongInt<struct OriginalTag>;  // place of a token in the prompt as the user gave it
using GlobalPosition =
    StrongInt<struct GlobalTag>;  // place in the sequence a pass runs over; what RoPE and causality see
using LocalPosition = StrongInt<struct LocalTag>;  // row of a rank's own shard of that sequence

/// Length of a sliding window of attention, in positions, that leaves out nothing.
inline constexpr std::int32_t kNoWindow = std::numeric_limits<std::int32_t>::max();

}  // namespace gemring

template <class Tag>
struct std::hash<gemring::StrongInt<Tag>> {
  std::size_t operator()(gemring::StrongInt<Tag> value) const { return std::hash<std::int32_t>()(value.value()); }
};
