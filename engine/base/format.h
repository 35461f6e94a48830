// Figures as people read them in messages.
#pragma once

#include <cstdint>
#include <string>

namespace gemring {

/// 1310720000 as "1,310,720,000".
inline std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t digits = 3; digits < text.size(); digits += 4) text.insert(text.size() - digits, 1, ',');
  return text;
}

}  // namespace gemring
