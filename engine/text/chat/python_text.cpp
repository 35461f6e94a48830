#include "engine/text/chat/python_text.h"

#include <optional>

#include "engine/base/json_escape.h"
#include "engine/text/unicode/utf8.h"

namespace gemring {
namespace {

/// str.isspace() of one code point: bidirectional type WS, B or S, or category Zs. The property White_Space but for the
/// separators of files, groups, records and units.
bool is_space(char32_t code) {
  return is_white_space(code) || (code >= 0x1c && code <= 0x1f);
}

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

}  // namespace

std::string_view python_lstrip(std::string_view text) {
  while (!text.empty()) {
    const Utf8Sequence first = utf8_sequence(text);
    if (first.state != Utf8State::whole || !is_space(code_point(text.substr(0, first.length)))) break;
    text.remove_prefix(first.length);
  }
  return text;
}

std::string_view python_rstrip(std::string_view text) {
  while (!text.empty()) {
    std::size_t begin = text.size() - 1;
    while (begin > 0 && is_continuation(text[begin])) --begin;
    const std::string_view last = text.substr(begin);
    const Utf8Sequence sequence = utf8_sequence(last);
    const bool whole = sequence.state == Utf8State::whole && sequence.length == last.size();
    if (!whole || !is_space(code_point(last))) break;
    text.remove_suffix(last.size());
  }
  return text;
}

std::string_view python_strip(std::string_view text) {
  return python_rstrip(python_lstrip(text));
}

std::string_view python_lstrip(std::string_view text, std::string_view characters) {
  const std::size_t begin = text.find_first_not_of(characters);
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

std::string_view python_rstrip(std::string_view text, std::string_view characters) {
  return text.substr(0, text.find_last_not_of(characters) + 1);  // npos + 1 is 0
}

std::string_view python_strip(std::string_view text, std::string_view characters) {
  return python_rstrip(python_lstrip(text, characters), characters);
}

std::string_view before_first(std::string_view text, std::string_view mark) {
  return text.substr(0, text.find(mark));
}

std::string_view after_last(std::string_view text, std::string_view mark) {
  const std::size_t begin = text.rfind(mark);
  return begin == std::string_view::npos ? text : text.substr(begin + mark.size());
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string without(std::string_view text, std::string_view part) {
  std::string rest;
  for (std::size_t found; (found = text.find(part)) != std::string_view::npos;) {
    rest += text.substr(0, found);
    text.remove_prefix(found + part.size());
  }
  return rest.append(text);
}

std::string python_json(std::string_view text) {
  return '"' + json_escaped(text) + '"';
}

}  // namespace gemring
