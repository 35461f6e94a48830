#include "engine/text/tokenizer/byte_map.h"

#include <array>

#include "engine/text/unicode/utf8.h"

namespace gemring {

namespace {

constexpr bool is_printable(unsigned byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

constexpr std::array<char32_t, 256> kCodePoints = [] {
  std::array<char32_t, 256> table{};
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) table[byte] = is_printable(byte) ? byte : next++;
  return table;
}();

constexpr std::size_t kEnd = 0x100 + 68;  // 68 bytes are not printable

constexpr std::array<std::int16_t, kEnd> kBytes = [] {
  std::array<std::int16_t, kEnd> table{};
  for (auto& entry : table) entry = -1;
  for (unsigned byte = 0; byte < 256; ++byte) table[kCodePoints[byte]] = static_cast<std::int16_t>(byte);
  return table;
}();

}  // namespace

char32_t byte_to_code_point(unsigned char byte) {
  return kCodePoints[byte];
}

std::optional<std::string> entry_to_bytes(std::string_view entry) {
  std::string bytes;
  for (std::size_t at = 0; at < entry.size();) {
    const Utf8Sequence sequence = utf8_sequence(entry.substr(at));
    if (sequence.state != Utf8State::whole) return std::nullopt;
    const char32_t code = code_point(entry.substr(at, sequence.length));
    if (code >= kEnd || kBytes[code] < 0) return std::nullopt;
    bytes += static_cast<char>(static_cast<unsigned char>(kBytes[code]));
    at += sequence.length;
  }
  return bytes;
}

}  // namespace gemring
