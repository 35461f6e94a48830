#include "engine/base/json_escape.h"

#include <fmt/format.h>

namespace gemring {

std::string json_escaped(std::string_view text) {
  constexpr std::string_view kShort = "\"\\\n\r\t\b\f", kLetters = "\"\\nrtbf";
  std::string out;
  out.reserve(text.size());
  for (const char byte : text) {
    if (const auto found = kShort.find(byte); found != std::string_view::npos) {
      out += {'\\', kLetters[found]};
    } else if (static_cast<unsigned char>(byte) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(byte));
    } else {
      out += byte;
    }
  }
  return out;
}

}  // namespace gemring
