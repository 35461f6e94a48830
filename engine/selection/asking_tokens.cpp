#include "engine/selection/asking_tokens.h"

#include <algorithm>

namespace gemring {
namespace {

constexpr std::int32_t kLeastSpan = 32;
constexpr std::int32_t kMostSpan = 128;

}  // namespace

std::int32_t question_span(const ResolvedSelection& selection, std::int32_t n) {
  const bool has_end = !selection.forced.empty() && selection.forced.back().end == n;
  const std::int32_t question = has_end ? n - selection.forced.back().begin : 0;
  std::int32_t span = kLeastSpan;
  while (span < question && span < kMostSpan) span *= 2;
  return span;
}

AskingTokens asking_tokens(const FilterProfile& profile, std::int32_t n, std::int32_t span) {
  AskingTokens asking;
  asking.stride = std::max(span / profile.queries, 1);
  asking.count = std::min(profile.queries, (n + asking.stride - 1) / asking.stride);
  asking.first = GlobalPosition(n - 1 - (asking.count - 1) * asking.stride);
  return asking;
}

}  // namespace gemring
