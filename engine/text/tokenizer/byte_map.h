// The alphabet of byte-level vocabularies: each byte is written as one printable code point (GPT-2, bytes_to_unicode).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gemring {

/// The code point that stands for `byte`: 33-126, 161-172, 174-255 for themselves, the others U+0100 upwards in order.
char32_t byte_to_code_point(unsigned char byte);

/// The bytes that a vocabulary entry stands for; nothing where a code point of it stands for no byte. `entry` is UTF-8.
std::optional<std::string> entry_to_bytes(std::string_view entry);

}  // namespace gemring
