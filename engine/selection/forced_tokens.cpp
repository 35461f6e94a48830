#include "engine/selection/forced_tokens.h"

#include <algorithm>

namespace gemring {

std::vector<TokenRange> merged(std::vector<TokenRange> ranges, std::int32_t tokens) {
  std::sort(ranges.begin(), ranges.end(), [](const TokenRange& a, const TokenRange& b) { return a.begin < b.begin; });
  std::vector<TokenRange> result;
  for (const TokenRange& range : ranges) {
    const TokenRange inside = {std::max(range.begin, 0), std::min(range.end, tokens)};
    if (inside.begin >= inside.end) continue;
    if (result.empty() || result.back().end < inside.begin) {
      result.push_back(inside);
    } else {
      result.back().end = std::max(result.back().end, inside.end);
    }
  }
  return result;
}

std::int64_t count_tokens(std::span<const TokenRange> ranges) {
  std::int64_t tokens = 0;
  for (const TokenRange& range : ranges) tokens += range.end - range.begin;
  return tokens;
}

ForcedTokens forced_without_text(std::int32_t tokens) {
  return {.head = {{0, kSinkTokens}}, .tail = {{tokens - kUnknownQuestionTokens, tokens}}};
}

}  // namespace gemring
