// Division of counts, rounded up. Not for the kernels of an instruction set: what they inline of a header, compiled
// with their flags, could be linked into the rest of the program.
#pragma once

#include <cstddef>

namespace gemring {

/// Units that cover `count`.
constexpr std::size_t ceil_div(std::size_t count, std::size_t unit) {
  return (count + unit - 1) / unit;
}

/// The smallest multiple of `unit` that is not below `count`.
constexpr std::size_t round_up(std::size_t count, std::size_t unit) {
  return ceil_div(count, unit) * unit;
}

}  // namespace gemring
