// A range of bytes in a text.
#pragma once

#include <cstddef>

namespace gemring {

/// Bytes [begin, end) of a text.
struct ByteRange {
  std::size_t begin;
  std::size_t end;
};

}  // namespace gemring
