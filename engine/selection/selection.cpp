#include "engine/selection/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/selection/pooling.h"

namespace gemring {

namespace {

constexpr std::int32_t kLeastDefaultKeep = 512;
constexpr std::int32_t kMostDefaultKeep = 4096;  // the largest k of the paper
constexpr std::int32_t kDefaultKeepShare = 16;   // of the prompt
constexpr std::int32_t kLeastChosen = 256;       // beside the forced tokens
constexpr std::int32_t kDefaultPool = 5;         // the paper's
constexpr std::int32_t kDefaultKeepLast = 64;    // a question of ordinary length

void refuse_negative(std::int32_t value, const char* option) {
  if (value < 0) throw UsageError({option, fmt::format("{} is negative", value), "give 0 or more tokens"});
}

void check_scores(std::span<const float> scores, const char* what) {
  const auto bad = std::find_if(scores.begin(), scores.end(), [](float score) { return std::isnan(score); });
  GEMRING_CHECK(bad == scores.end(), "{} of position {} of {} is NaN", what, bad - scores.begin(), scores.size());
}

// Appends the `count` best of positions [begin, end), ascending: all above the count-th largest score, and of those
// equal to it the first ones.
void append_best(std::span<const float> pooled, std::size_t begin, std::size_t end, std::size_t count,
                 std::vector<OriginalPosition>& kept) {
  GEMRING_CHECK(count <= end - begin, "{} of the {} positions {}..{}", count, end - begin, begin, end);
  if (count == 0) return;
  std::vector<float> sorted(pooled.begin() + static_cast<std::ptrdiff_t>(begin),
                            pooled.begin() + static_cast<std::ptrdiff_t>(end));
  const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(count) - 1;
  std::nth_element(sorted.begin(), last, sorted.end(), std::greater<>());
  const float threshold = *last;
  // What nth_element left before `last` is >= threshold; of the equal ones only as many as fit.
  auto equal_left = 1 + std::count(sorted.begin(), last, threshold);
  for (std::size_t i = begin; i < end; ++i) {
    if (pooled[i] > threshold || (pooled[i] == threshold && equal_left-- > 0)) kept.emplace_back(i);
  }
}

}  // namespace

std::int32_t default_keep(std::int32_t prompt_tokens, std::int64_t forced, std::int32_t positions) {
  const std::int32_t share = std::clamp(prompt_tokens / kDefaultKeepShare, kLeastDefaultKeep, kMostDefaultKeep);
  const std::int64_t wanted = std::min(std::max<std::int64_t>(share, forced + kLeastChosen), std::int64_t{positions});
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(std::max(forced, wanted), 1, kAnyPositions));
}

ResolvedSelection resolve(const SelectionOptions& options, std::int32_t prompt_tokens,
                          std::optional<std::int32_t> question_tokens, std::int32_t positions) {
  ResolvedSelection resolved;
  const bool forces = options.policy == SelectionPolicy::forced;
  const std::int32_t last = forces ? options.keep_last.value_or(question_tokens.value_or(kDefaultKeepLast)) : 0;
  const std::int32_t first = forces ? options.keep_first : 0;
  resolved.keep = options.keep ? *options.keep : default_keep(prompt_tokens, std::int64_t{first} + last, positions);
  resolved.pool_width = options.pool_width.value_or(kDefaultPool);
  if (resolved.keep < 1) {
    throw UsageError({"--keep", fmt::format("{} tokens cannot be kept", resolved.keep), "keep at least 1"});
  }
  if (resolved.pool_width < 1 || resolved.pool_width % 2 == 0) {
    throw UsageError({"--pool", fmt::format("width {} is not odd and positive", resolved.pool_width),
                      "5 is the paper's, 1 turns pooling off"});
  }
  if (resolved.pool_width > kWidestPool) {
    throw UsageError({"--pool", fmt::format("width {} is more than {}", resolved.pool_width, kWidestPool),
                      "5 is the paper's, 1 turns pooling off"});
  }
  refuse_negative(options.keep_first, "--keep-first");
  refuse_negative(options.keep_last.value_or(0), "--keep-last");
  resolved.keep_first = first;
  resolved.keep_last = last;
  const std::int64_t forced = std::int64_t{resolved.keep_first} + resolved.keep_last;
  if (forced > resolved.keep && !resolved.keeps_everything(prompt_tokens)) {
    throw UsageError({"--keep",
                      fmt::format("{} tokens are to be kept, but {} at the beginning and {} at the end are forced",
                                  resolved.keep, resolved.keep_first, resolved.keep_last),
                      "raise --keep, or lower --keep-first or --keep-last"});
  }
  return resolved;
}

std::vector<OriginalPosition> select_positions(std::span<const float> scores, const ResolvedSelection& selection) {
  check_scores(scores, "score");
  const std::size_t n = scores.size();
  const auto keep = static_cast<std::size_t>(selection.keep);
  std::vector<OriginalPosition> kept;
  kept.reserve(std::min(n, keep));
  const auto append_all = [&kept](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) kept.emplace_back(i);
  };
  if (n <= keep) {
    append_all(0, n);
    return kept;
  }
  const auto first = static_cast<std::size_t>(selection.keep_first);
  const auto last = static_cast<std::size_t>(selection.keep_last);
  GEMRING_CHECK(first + last <= keep, "keep {}, first {}, last {}", keep, first, last);

  const std::vector<float> pooled = average_pool(scores, selection.pool_width);
  check_scores(pooled, "pooled score");  // inf - inf
  append_all(0, first);
  append_best(pooled, first, n - last, keep - first - last, kept);
  append_all(n - last, n);
  return kept;
}

CompressedPrompt compress(std::span<const TokenId> prompt, std::vector<OriginalPosition> kept) {
  CompressedPrompt compressed;
  compressed.ids.reserve(kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    GEMRING_CHECK(kept[i].index() < prompt.size() && (i == 0 || kept[i - 1] < kept[i]),
                  "kept position {} after {}, prompt of {} tokens", kept[i].value(), i == 0 ? -1 : kept[i - 1].value(),
                  prompt.size());
    compressed.ids.push_back(prompt[kept[i].index()]);
  }
  compressed.kept = std::move(kept);
  return compressed;
}

std::vector<KeptSpan> kept_spans(std::span<const OriginalPosition> kept) {
  std::vector<KeptSpan> spans;
  for (OriginalPosition position : kept) {
    if (spans.empty() || spans.back().end != position) spans.push_back({position, position});
    spans.back().end = position + 1;
  }
  return spans;
}

}  // namespace gemring
