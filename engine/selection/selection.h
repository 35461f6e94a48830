// From scores to kept positions: GemFilter's selection (arXiv 2409.17422, `standard_dis_index` of its code), or whole
// units by their best tokens; and the compressed prompt.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/types.h"
#include "engine/selection/forced_tokens.h"
#include "engine/selection/keep_unit.h"

namespace gemring {

enum class SelectionPolicy {
  forced,  // ResolvedSelection::forced stay whatever their score; the best of the rest fill up to keep
  paper,   // the paper to the letter: nothing is forced
};

struct SelectionOptions {
  SelectionPolicy policy = SelectionPolicy::forced;
  std::optional<std::int32_t> keep;  // tokens of the compressed prompt, forced ones included; unset: default_keep()
  std::optional<std::int32_t> pool_width;  // odd, up to kWidestPool: neighbours of a strong token come along; unset: 5
  std::optional<std::int32_t> keep_first;  // tokens kept at the beginning; unset: ForcedTokens::head
  std::optional<std::int32_t> keep_last;   // tokens kept at the end; unset: ForcedTokens::tail
  std::optional<KeepUnit> unit;            // unset: tokens
};

inline constexpr std::int32_t kAnyPositions = std::numeric_limits<std::int32_t>::max();

/// The options with every default resolved for a prompt of `prompt_tokens` tokens.
struct ResolvedSelection {
  std::int32_t keep = 0;
  std::int32_t pool_width = 5;
  std::vector<TokenRange> forced = {};  // kept whatever their score, as merged() returns them
  KeepUnit unit = KeepUnit::tokens;
  std::vector<std::int32_t> unit_ends =
      {};  // units that need a text: the position behind each one's last token, ascending
  bool keeps_everything(std::int32_t prompt_tokens) const { return prompt_tokens <= keep; }
};

/// Where nothing is said: a sixteenth of the prompt, between 512 and 4,096 tokens, and 256 beside the forced ones;
/// beyond those never more than `positions` of the model that answers.
std::int32_t default_keep(std::int32_t prompt_tokens, std::int64_t forced, std::int32_t positions);

/// `of_text`: what the prompt's text asks for; nothing: forced_without_text(). `positions`: those of the answering
/// model that new tokens leave, for the default of keep. unit_ends stays empty. Throws UsageError: keep < 1,
/// pool_width even, < 1 or > kWidestPool, a negative number, more forced tokens than keep. The last is no error where
/// everything is kept anyway.
ResolvedSelection resolve(const SelectionOptions& options, std::int32_t prompt_tokens,
                          const std::optional<ForcedTokens>& of_text, std::int32_t positions = kAnyPositions);

/// The kept positions, ascending: all of them, or exactly `keep`. scores: [n] before pooling, one per prompt token, in
/// order of position. Forced tokens first, then the best of the rest by pooled score; ties go to the lower position.
/// Units but tokens: a unit scores as the best of its tokens that are not forced, and goes in whole; the first one that
/// has more of them than are left to keep gives so many around its best. NaN scores throw InternalError. Requires:
/// unit_ends where the unit needs a text, the last one n.
std::vector<OriginalPosition> select_positions(std::span<const float> scores, const ResolvedSelection& selection);

/// What prefill runs on: token i stands at GlobalPosition(i) of the pass and came from kept[i].
struct CompressedPrompt {
  std::vector<OriginalPosition> kept;
  std::vector<TokenId> ids;
};

CompressedPrompt compress(std::span<const TokenId> prompt, std::vector<OriginalPosition> kept);

/// Neighbouring kept tokens as ranges [begin, end) of the original prompt, ascending.
struct KeptSpan {
  OriginalPosition begin;
  OriginalPosition end;
};
std::vector<KeptSpan> kept_spans(std::span<const OriginalPosition> kept);

}  // namespace gemring
