// Recognisable message contents.
#pragma once

#include <cstdint>
#include <vector>

namespace gemring {

/// `size` numbers that tell sender and place: 1000 * sender, 1000 * sender + 1, ...
inline std::vector<std::int32_t> numbered(int sender, std::size_t size) {
  std::vector<std::int32_t> values(size);
  for (std::size_t i = 0; i < size; ++i) values[i] = 1000 * sender + static_cast<std::int32_t>(i);
  return values;
}

}  // namespace gemring
