#include "engine/generation/stop_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/error.h"

namespace gemring {

namespace {

std::vector<std::size_t> borders_of(const std::string& text) {
  std::vector<std::size_t> borders(text.size(), 0);
  for (std::size_t i = 1, length = 0; i < text.size(); ++i) {
    while (length > 0 && text[i] != text[length]) length = borders[length - 1];
    if (text[i] == text[length]) ++length;
    borders[i] = length;
  }
  return borders;
}

}  // namespace

StopReason StopRules::check(TokenId token, std::int32_t generated) const {
  GEMRING_CHECK(generated >= 1, "{} tokens generated", generated);
  if (!ignore_end_tokens && std::find(end_tokens.begin(), end_tokens.end(), token) != end_tokens.end()) {
    return StopReason::end_token;
  }
  if (ends_text && ends_text(token)) return StopReason::stop_string;
  return generated >= max_new_tokens ? StopReason::length : StopReason::none;
}

StopStrings::StopStrings(std::vector<std::string> strings, std::string_view option) {
  const auto refuse = [option](std::string problem, std::string advice) {
    throw UsageError({std::string(option), std::move(problem), std::move(advice)});
  };
  if (strings.size() > kMost) {
    refuse(fmt::format("{} stop strings", strings.size()), fmt::format("give at most {}", kMost));
  }
  for (std::string& text : strings) {
    if (text.empty()) refuse("a stop string is empty", "it would end every answer before it begins");
    if (text.size() > kLongest) {
      refuse(fmt::format("a stop string has {} bytes", text.size()), fmt::format("give at most {}", kLongest));
    }
    std::vector<std::size_t> borders = borders_of(text);
    patterns_.push_back({std::move(text), std::move(borders)});
  }
}

// Requires: pattern.matched < its length.
void StopStrings::advance(Pattern& pattern, char next) {
  std::size_t& matched = pattern.matched;
  while (matched > 0 && pattern.text[matched] != next) matched = pattern.borders[matched - 1];
  if (pattern.text[matched] == next) ++matched;
}

std::string StopStrings::push(std::string_view piece) {
  if (found_) return {};
  std::string text = std::exchange(held_, {});
  std::size_t may_begin = 0;  // bytes at the end of the text that a stop string may begin with
  for (const char next : piece) {
    text += next;
    may_begin = 0;
    std::size_t complete = 0;
    for (Pattern& pattern : patterns_) {
      advance(pattern, next);
      may_begin = std::max(may_begin, pattern.matched);
      if (pattern.matched == pattern.text.size()) complete = std::max(complete, pattern.matched);
    }
    if (complete > 0) {
      found_ = true;
      text.resize(text.size() - complete);
      return text;
    }
  }
  if (piece.empty()) may_begin = text.size();
  held_ = text.substr(text.size() - may_begin);
  text.erase(text.size() - may_begin);
  return text;
}

std::string StopStrings::finish() {
  for (Pattern& pattern : patterns_) pattern.matched = 0;
  return std::exchange(held_, {});
}

}  // namespace gemring
