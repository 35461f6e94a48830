// How the rows of a matrix are shared out among threads in products of one token.
#pragma once

#include <algorithm>
#include <cstddef>

#include "engine/base/rounding.h"

namespace gemring {

/// Rows [begin, end).
struct RowRange {
  std::size_t begin;
  std::size_t end;
};

/// Those that thread `thread` of `threads` begins with: outputs of whole cache lines, so that no two threads write into
/// one. Who makes or moves weights puts them into memory next to this thread.
inline RowRange rows_of_thread(std::size_t rows, std::size_t thread, std::size_t threads) {
  constexpr std::size_t kRowsOfLine = 16;  // floats in a cache line
  const std::size_t lines = ceil_div(rows, kRowsOfLine);
  return {std::min(lines * thread / threads * kRowsOfLine, rows),
          std::min(lines * (thread + 1) / threads * kRowsOfLine, rows)};
}

}  // namespace gemring
