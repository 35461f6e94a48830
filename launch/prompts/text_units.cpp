#include "launch/prompts/text_units.h"

#include <algorithm>
#include <array>

#include "engine/base/check.h"

namespace gemring {
namespace {

constexpr std::string_view kWhite = " \t\r\n\v\f";
constexpr std::size_t kAbbreviationLetters = 3;

/// Of text[at..] the length of the one of `words` that it begins with; 0: none.
template <std::size_t N>
std::size_t begins_with(std::string_view text, std::size_t at, const std::array<std::string_view, N>& words) {
  for (const std::string_view word : words) {
    if (text.substr(at, word.size()) == word) return word.size();
  }
  return 0;
}

bool is_small(char letter) {
  return letter >= 'a' && letter <= 'z';
}

bool is_capital(char letter) {
  return letter >= 'A' && letter <= 'Z';
}

/// Whether the full stop at byte `at` belongs to its word.
bool is_abbreviation(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  while (begin > 0 && (is_small(text[begin - 1]) || is_capital(text[begin - 1]))) --begin;
  return begin < at && at - begin <= kAbbreviationLetters && is_capital(text[begin]);
}

/// The byte behind the sentence whose mark may stand at `at`; nothing (0): it is none that ends one.
std::size_t end_at_mark(std::string_view text, std::size_t at) {
  constexpr std::array<std::string_view, 3> kMarks = {".", "!", "?"};
  constexpr std::array<std::string_view, 3> kWideMarks = {"\u3002", "\uff01", "\uff1f"};
  constexpr std::array<std::string_view, 9> kClosing = {"\"",     "'",      ")",      "]",     "\u201d",
                                                        "\u2019", "\u00bb", "\u300d", "\u300f"};
  const std::size_t mark = begins_with(text, at, kMarks);
  const std::size_t wide = mark > 0 ? 0 : begins_with(text, at, kWideMarks);
  if (mark + wide == 0) return 0;
  std::size_t end = at + mark + wide;
  while (const std::size_t closing = begins_with(text, end, kClosing)) end += closing;
  if (wide > 0 || end == text.size()) return end;
  if (kWhite.find(text[end]) == std::string_view::npos) return 0;
  if (text[at] != '.') return end;
  const std::size_t next = text.find_first_not_of(kWhite, end);
  const bool goes_on = next != std::string_view::npos && is_small(text[next]);
  return goes_on || is_abbreviation(text, at) ? 0 : end;
}

/// The byte behind the white space from the line feed at `at` on, where a blank line is in it; else nothing (0).
std::size_t end_at_blank_line(std::string_view text, std::size_t at) {
  const std::size_t next = std::min(text.find_first_not_of(kWhite, at), text.size());
  const std::string_view white = text.substr(at + 1, next - at - 1);
  return white.find('\n') == std::string_view::npos ? 0 : next;
}

}  // namespace

std::vector<std::size_t> ends_of_sentences(std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text[at] == '\n' ? end_at_blank_line(text, at) : end_at_mark(text, at);
    if (end > 0) ends.push_back(end);
    at = std::max(end, at + 1);
  }
  if (!text.empty() && (ends.empty() || ends.back() < text.size())) ends.push_back(text.size());
  return ends;
}

std::vector<std::size_t> ends_of_lines(std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t feed = text.find('\n', begin);
    begin = feed == std::string_view::npos ? text.size() : feed + 1;
    ends.push_back(begin);
  }
  return ends;
}

std::vector<std::int32_t> unit_ends(KeepUnit unit, std::string_view text, std::span<const std::size_t> ends) {
  GEMRING_CHECK(needs_text(unit), "{}", name(unit));
  const auto tokens = static_cast<std::int32_t>(ends.size());
  std::vector<std::int32_t> found;
  const auto add = [&](std::int32_t end) {
    const std::int32_t begin = found.empty() ? 0 : found.back();
    const std::int64_t parts = (end - begin + kMostUnitTokens - 1) / kMostUnitTokens;
    for (std::int64_t part = 1; part <= parts; ++part) {
      found.push_back(begin + static_cast<std::int32_t>((end - begin) * part / parts));
    }
  };
  auto token = ends.begin();
  for (const std::size_t border : unit == KeepUnit::lines ? ends_of_lines(text) : ends_of_sentences(text)) {
    token = std::lower_bound(token, ends.end(), border);
    add(std::min(static_cast<std::int32_t>(token - ends.begin()) + 1, tokens));
  }
  add(tokens);
  return found;
}

}  // namespace gemring
