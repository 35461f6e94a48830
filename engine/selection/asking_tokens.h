// Whose queries score: the prompt's last token, and others of its question.
#pragma once

#include <cstdint>

#include "engine/base/types.h"
#include "engine/selection/filter_profile.h"
#include "engine/selection/selection.h"

namespace gemring {

/// `count` tokens, `stride` apart, the prompt's last one the last of them.
struct AskingTokens {
  GlobalPosition first;
  std::int32_t stride = 1;
  std::int32_t count = 1;

  GlobalPosition position(std::int32_t i) const { return first + i * stride; }

  bool operator==(const AskingTokens&) const = default;
};

/// The last tokens of a prompt of n that hold its question: 32, 64 or 128, as many as are forced at its end need.
std::int32_t question_span(const ResolvedSelection& selection, std::int32_t n);

/// The profile's queries, spread evenly over the last `span` of n tokens: each of the question's words is near one of
/// them. A prompt that is shorter has fewer.
///
///     16 queries over 32 tokens of a prompt of 100: positions 69, 71, ... 99
AskingTokens asking_tokens(const FilterProfile& profile, std::int32_t n, std::int32_t span);

}  // namespace gemring
