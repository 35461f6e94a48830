// Tokens of a prompt that are kept whatever their score, as ranges.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gemring {

/// Tokens [begin, end) of a prompt.
struct TokenRange {
  std::int32_t begin = 0;
  std::int32_t end = 0;

  bool operator==(const TokenRange&) const = default;
};

/// The same tokens as ranges that are ascending, apart and not empty; what lies outside of [0, tokens) is left out.
std::vector<TokenRange> merged(std::vector<TokenRange> ranges, std::int32_t tokens);

/// How many tokens. Requires: as merged() returns them.
std::int64_t count_tokens(std::span<const TokenRange> ranges);

/// What a prompt's text and its structure ask for. Ranges in any order; they may overlap.
struct ForcedTokens {
  std::vector<TokenRange> head;  // the beginning and a chat's form: --keep-first in its place where that is given
  std::vector<TokenRange> tail;  // the question, wherever it may stand, and the end: --keep-last in its place
};

/// Attention sinks: the first tokens take attention that belongs nowhere (StreamingLLM, arXiv 2309.17453).
inline constexpr std::int32_t kSinkTokens = 4;
/// A question of ordinary length, where nothing tells where it begins.
inline constexpr std::int32_t kUnknownQuestionTokens = 64;

/// Of `tokens` token ids without a text.
ForcedTokens forced_without_text(std::int32_t tokens);

}  // namespace gemring
