// UTF-8: where it breaks, what may still become whole, and its repair (Unicode 14, table 3-7 and section 3.9).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace gemring {

enum class Utf8State {
  whole,       // one code point
  incomplete,  // the text ends inside a sequence that more bytes could make whole
  broken,      // no continuation makes this a code point (overlong, surrogate, beyond U+10FFFF, stray byte)
};

struct Utf8Sequence {
  Utf8State state;
  std::size_t length;  // bytes, >= 1. Not whole: the longest beginning of a code point, replaced by one U+FFFD
};

inline constexpr std::string_view kReplacementCharacter = "\uFFFD";

/// The sequence at the beginning of `text`, which is not empty.
Utf8Sequence utf8_sequence(std::string_view text);

/// Offset of the first byte that belongs to no whole sequence; nothing where `text` is valid.
std::optional<std::size_t> first_invalid_utf8(std::string_view text);

/// Appends the whole sequences of `bytes` to `out`, U+FFFD for broken ones. Stops before an incomplete one at the end;
/// returns how many bytes were used.
std::size_t append_complete_utf8(std::string_view bytes, std::string& out);

/// As append_complete_utf8, but an incomplete sequence at the end becomes U+FFFD too.
void append_lossy_utf8(std::string_view bytes, std::string& out);

/// Appends code point `code` (valid, no surrogate).
void append_code_point(char32_t code, std::string& out);

/// The code point of a whole sequence.
char32_t code_point(std::string_view sequence);

/// The property White_Space: what \s means in Rust and in Oniguruma.
bool is_white_space(char32_t code);

}  // namespace gemring
