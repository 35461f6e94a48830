// Which tokens of a prompt are kept whatever their score, by its text: the question, and what gives a chat its form.
// One rule for all ways in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/selection/forced_tokens.h"
#include "launch/prompts/prompt_text.h"

namespace gemring {

/// The longest last paragraph that is taken for the question.
inline constexpr std::int32_t kMostQuestionTokens = 256;
/// A last paragraph shorter than this ("Answer:") brings the one before it along.
inline constexpr std::int32_t kLeastQuestionTokens = 16;
/// The longest first paragraph that may be the question: instructions of LongBench and RULER have up to 90 tokens.
inline constexpr std::int32_t kMostFirstParagraphTokens = 128;
/// Of the last messages of a conversation, whole ones; of a system message its beginning, for some hold documents.
inline constexpr std::int32_t kMostTurnTokens = 1024;
inline constexpr std::int32_t kMostSystemTokens = 1024;

/// `ends`: Encoding::ends of the prompt. Paragraphs are what blank lines part; a token with any byte of a range is its.
///   head  the first kSinkTokens; of a chat, the markup before its last message and the system messages
///   tail  the question up to the end of the prompt; the last messages of a conversation, whole, up to kMostTurnTokens;
///         never its first one, which is the text that is talked about
/// The question is what question_begin tells. Else it is the last paragraph of the last message (without a chat: of the
/// prompt), up to kMostQuestionTokens, else the last kUnknownQuestionTokens; and the first paragraph beside it where
/// that is short. One message alone is no conversation, but the text as well.
ForcedTokens forced_tokens(const PromptText& prompt, std::span<const std::size_t> ends);

}  // namespace gemring
