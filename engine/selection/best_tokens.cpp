#include "engine/selection/best_tokens.h"

#include <algorithm>
#include <functional>

#include "engine/base/check.h"

namespace gemring {
namespace {

/// Of a unit, its tokens that are not kept yet.
struct RatedUnit {
  TokenRange range;
  float score;       // of the best of them
  std::size_t best;  // which of them that is: the first of equal ones
  std::size_t size;  // how many they are; 0: nothing of it is left
};

RatedUnit rate(const TokenRange& range, std::span<const float> pooled, const std::vector<bool>& kept) {
  RatedUnit unit{.range = range, .score = 0, .best = 0, .size = 0};
  for (auto i = static_cast<std::size_t>(range.begin); i < static_cast<std::size_t>(range.end); ++i) {
    if (kept[i]) continue;
    if (unit.size == 0 || pooled[i] > unit.score) {
      unit.score = pooled[i];
      unit.best = unit.size;
    }
    ++unit.size;
  }
  return unit;
}

/// Marks those of its tokens that are not kept from the `first` one on, `count` of them.
void mark(const RatedUnit& unit, std::size_t first, std::size_t count, std::vector<bool>& kept) {
  std::size_t number = 0;
  for (auto i = static_cast<std::size_t>(unit.range.begin); i < static_cast<std::size_t>(unit.range.end); ++i) {
    if (kept[i]) continue;
    if (number >= first && number < first + count) kept[i] = true;
    ++number;
  }
}

}  // namespace

void add_best_tokens(std::span<const float> pooled, std::size_t count, std::vector<bool>& kept) {
  if (count == 0) return;
  std::vector<float> sorted;
  for (std::size_t i = 0; i < pooled.size(); ++i) {
    if (!kept[i]) sorted.push_back(pooled[i]);
  }
  GEMRING_CHECK(count <= sorted.size(), "{} of {} tokens", count, sorted.size());
  const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(count) - 1;
  std::nth_element(sorted.begin(), last, sorted.end(), std::greater<>());
  const float threshold = *last;
  // What nth_element left before `last` is >= threshold; of the equal ones only as many as fit.
  auto equal_left = 1 + std::count(sorted.begin(), last, threshold);
  for (std::size_t i = 0; i < pooled.size(); ++i) {
    if (!kept[i] && (pooled[i] > threshold || (pooled[i] == threshold && equal_left-- > 0))) kept[i] = true;
  }
}

std::vector<TokenRange> units_of(const ResolvedSelection& selection, std::int32_t tokens) {
  std::vector<TokenRange> units;
  std::int32_t begin = 0;
  const auto add = [&](std::int32_t end) {
    GEMRING_CHECK(begin < end && end <= tokens, "a unit of tokens {}..{} of {}", begin, end, tokens);
    units.push_back({begin, end});
    begin = end;
  };
  if (needs_text(selection.unit)) {
    for (const std::int32_t end : selection.unit_ends) add(end);
  } else {
    while (begin < tokens) add(std::min(begin + (selection.unit == KeepUnit::chunks ? kChunkTokens : 1), tokens));
  }
  GEMRING_CHECK(begin == tokens, "{} end at {} of {} tokens", name(selection.unit), begin, tokens);
  return units;
}

void add_best_units(std::span<const float> pooled, std::span<const TokenRange> units, std::size_t count,
                    std::vector<bool>& kept) {
  std::vector<RatedUnit> rated;
  for (const TokenRange& range : units) {
    const RatedUnit unit = rate(range, pooled, kept);
    if (unit.size > 0) rated.push_back(unit);
  }
  std::stable_sort(rated.begin(), rated.end(),
                   [](const RatedUnit& a, const RatedUnit& b) { return a.score > b.score; });
  for (const RatedUnit& unit : rated) {
    if (count == 0) return;
    const std::size_t taken = std::min(unit.size, count);
    const std::size_t before = std::min(taken / 2, unit.best);
    mark(unit, std::min(unit.best - before, unit.size - taken), taken, kept);
    count -= taken;
  }
  GEMRING_CHECK(count == 0, "{} tokens more than there are", count);
}

}  // namespace gemring
