// Figures and texts in messages to people.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace gemring {

/// 1310720000 as "1,310,720,000".
inline std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t digits = 3; digits < text.size(); digits += 4) text.insert(text.size() - digits, 1, ',');
  return text;
}

/// Whether `text` holds what a terminal may take for a command.
inline bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace gemring
