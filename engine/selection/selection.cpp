#include "engine/selection/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/selection/best_tokens.h"
#include "engine/selection/pooling.h"

namespace gemring {

namespace {

constexpr std::int32_t kLeastDefaultKeep = 512;
constexpr std::int32_t kMostDefaultKeep = 4096;  // the largest k of the paper
constexpr std::int32_t kDefaultKeepShare = 16;   // of the prompt
constexpr std::int32_t kLeastChosen = 256;       // beside the forced tokens
constexpr std::int32_t kDefaultPool = 5;         // the paper's

void refuse_negative(std::int32_t value, const char* option) {
  if (value < 0) throw UsageError({option, fmt::format("{} is negative", value), "give 0 or more tokens"});
}

void check_pool(std::int32_t width) {
  constexpr const char* kAdvice = "5 is the paper's, 1 turns pooling off";
  if (width < 1 || width % 2 == 0) {
    throw UsageError({"--pool", fmt::format("width {} is not odd and positive", width), kAdvice});
  }
  if (width > kWidestPool) {
    throw UsageError({"--pool", fmt::format("width {} is more than {}", width, kWidestPool), kAdvice});
  }
}

/// What is given by number takes the place of what the text asks for.
ForcedTokens forced_by(const SelectionOptions& options, std::int32_t tokens,
                       const std::optional<ForcedTokens>& of_text) {
  ForcedTokens forced = of_text ? *of_text : forced_without_text(tokens);
  if (options.keep_first) forced.head = {{0, *options.keep_first}};
  if (options.keep_last) forced.tail = {{std::max(tokens - *options.keep_last, 0), tokens}};
  return forced;
}

void check_scores(std::span<const float> scores, const char* what) {
  const auto bad = std::find_if(scores.begin(), scores.end(), [](float score) { return std::isnan(score); });
  GEMRING_CHECK(bad == scores.end(), "{} of position {} of {} is NaN", what, bad - scores.begin(), scores.size());
}

std::vector<OriginalPosition> all_positions(std::size_t tokens) {
  std::vector<OriginalPosition> positions;
  positions.reserve(tokens);
  for (std::size_t i = 0; i < tokens; ++i) positions.emplace_back(i);
  return positions;
}

std::vector<OriginalPosition> positions_where(const std::vector<bool>& kept) {
  std::vector<OriginalPosition> positions;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (kept[i]) positions.emplace_back(i);
  }
  return positions;
}

}  // namespace

std::int32_t default_keep(std::int32_t prompt_tokens, std::int64_t forced, std::int32_t positions) {
  const std::int32_t share = std::clamp(prompt_tokens / kDefaultKeepShare, kLeastDefaultKeep, kMostDefaultKeep);
  const std::int64_t wanted = std::min(std::max<std::int64_t>(share, forced + kLeastChosen), std::int64_t{positions});
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(std::max(forced, wanted), 1, kAnyPositions));
}

ResolvedSelection resolve(const SelectionOptions& options, std::int32_t prompt_tokens,
                          const std::optional<ForcedTokens>& of_text, std::int32_t positions) {
  refuse_negative(options.keep_first.value_or(0), "--keep-first");
  refuse_negative(options.keep_last.value_or(0), "--keep-last");
  ResolvedSelection resolved;
  const bool forces = options.policy == SelectionPolicy::forced;
  const ForcedTokens forced = forces ? forced_by(options, prompt_tokens, of_text) : ForcedTokens();
  resolved.forced = forced.head;
  resolved.forced.insert(resolved.forced.end(), forced.tail.begin(), forced.tail.end());
  resolved.forced = merged(std::move(resolved.forced), prompt_tokens);
  const std::int64_t tokens = count_tokens(resolved.forced);
  resolved.keep = options.keep ? *options.keep : default_keep(prompt_tokens, tokens, positions);
  resolved.pool_width = options.pool_width.value_or(kDefaultPool);
  if (forces) resolved.unit = options.unit.value_or(KeepUnit::tokens);
  if (resolved.keep < 1) {
    throw UsageError({"--keep", fmt::format("{} tokens cannot be kept", resolved.keep), "keep at least 1"});
  }
  check_pool(resolved.pool_width);
  if (tokens > resolved.keep && !resolved.keeps_everything(prompt_tokens)) {
    const std::int64_t head = count_tokens(merged(forced.head, prompt_tokens));
    throw UsageError({"--keep",
                      fmt::format("{} tokens are to be kept, but {} are forced: {} of the beginning and a chat's form, "
                                  "{} of the question and the end",
                                  resolved.keep, tokens, head, tokens - head),
                      fmt::format("give --keep {} or more, or say with --keep-first and --keep-last how many of the "
                                  "first and last tokens are kept instead",
                                  tokens + 1)});
  }
  return resolved;
}

std::vector<OriginalPosition> select_positions(std::span<const float> scores, const ResolvedSelection& selection) {
  check_scores(scores, "score");
  const auto n = static_cast<std::int32_t>(scores.size());
  if (selection.keeps_everything(n)) return all_positions(scores.size());
  const std::int64_t forced = count_tokens(selection.forced);
  GEMRING_CHECK(forced <= selection.keep, "keep {}, forced {}", selection.keep, forced);
  GEMRING_CHECK(selection.forced.empty() || selection.forced.back().end <= n, "forced up to {} of {}",
                selection.forced.back().end, n);

  const std::vector<float> pooled = average_pool(scores, selection.pool_width);
  check_scores(pooled, "pooled score");  // inf - inf
  std::vector<bool> kept(scores.size());
  for (const TokenRange& range : selection.forced) {
    std::fill(kept.begin() + range.begin, kept.begin() + range.end, true);
  }
  const auto room = static_cast<std::size_t>(selection.keep - forced);
  if (selection.unit == KeepUnit::tokens) {
    add_best_tokens(pooled, room, kept);
  } else {
    add_best_units(pooled, units_of(selection, n), room, kept);
  }
  return positions_where(kept);
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
