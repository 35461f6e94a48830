#include "launch/prompts/forced_text.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace gemring {
namespace {

/// From bytes to tokens.
class TokenPlaces {
 public:
  explicit TokenPlaces(std::span<const std::size_t> ends) : ends_(ends) {}

  /// All that have a byte of `bytes`.
  TokenRange of(const ByteRange& bytes) const {
    if (bytes.begin >= bytes.end) return {};
    const auto begin = std::upper_bound(ends_.begin(), ends_.end(), bytes.begin) - ends_.begin();
    const auto last = std::lower_bound(ends_.begin(), ends_.end(), bytes.end) - ends_.begin();
    return {static_cast<std::int32_t>(begin), static_cast<std::int32_t>(last) + 1};
  }

  std::int32_t count(const ByteRange& bytes) const {
    const TokenRange range = of(bytes);
    return range.end - range.begin;
  }

 private:
  std::span<const std::size_t> ends_;
};

/// Bytes of `text` at which its paragraphs begin.
std::vector<std::size_t> paragraphs_of(std::string_view text) {
  std::vector<std::size_t> begins;
  bool in_paragraph = false;
  for (std::size_t line = 0; line < text.size();) {
    const std::size_t end = std::min(text.find('\n', line), text.size());
    const bool blank = text.substr(line, end - line).find_first_not_of(" \t\r\v\f") == std::string_view::npos;
    if (!blank && !in_paragraph) begins.push_back(line);
    in_paragraph = !blank;
    line = end + 1;
  }
  return begins;
}

/// Where in a text is what is asked of it.
struct Asked {
  TokenRange question;
  TokenRange first_paragraph;
};

/// Of bytes `asked` of `text`.
Asked guess_question(std::string_view text, const ByteRange& asked, const TokenPlaces& places) {
  const std::vector<std::size_t> paragraphs = paragraphs_of(text.substr(asked.begin, asked.end - asked.begin));
  const auto from = [&](std::size_t paragraph) { return places.of({asked.begin + paragraphs[paragraph], asked.end}); };
  const auto size = [](const TokenRange& range) { return range.end - range.begin; };
  const TokenRange whole = places.of(asked);
  Asked found = {.question = {std::max(whole.begin, whole.end - kUnknownQuestionTokens), whole.end},
                 .first_paragraph = {}};
  for (std::size_t i = paragraphs.size(); i-- > 0 && size(from(i)) <= kMostQuestionTokens;) {
    if (i > 0 && size(from(i)) < kLeastQuestionTokens) continue;
    found.question = from(i);
    break;
  }
  if (paragraphs.size() < 2) return found;
  const TokenRange first = places.of({asked.begin + paragraphs[0], asked.begin + paragraphs[1]});
  if (size(first) <= kMostFirstParagraphTokens) found.first_paragraph = first;
  return found;
}

bool is_conversation(const std::vector<MessagePart>& parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const MessagePart& part) { return !part.system && part.message != parts.back().message; });
}

/// Markup before the last message, and system messages.
void add_form(const std::vector<MessagePart>& parts, const TokenPlaces& places, std::vector<TokenRange>& head) {
  std::size_t markup = 0;
  for (const MessagePart& part : parts) {
    head.push_back(places.of({markup, part.bytes.begin}));
    markup = part.bytes.end;
    if (!part.system) continue;
    const TokenRange tokens = places.of(part.bytes);
    head.push_back({tokens.begin, std::min(tokens.end, tokens.begin + kMostSystemTokens)});
  }
}

/// Whole messages from the last one back to the second: the first one is the text that is talked about. Of the last one
/// the question, which has `used` tokens, is kept anyway.
void add_turns(const std::vector<MessagePart>& parts, const TokenPlaces& places, std::int32_t used,
               std::vector<TokenRange>& tail) {
  const auto first = std::find_if(parts.begin(), parts.end(), [](const MessagePart& part) { return !part.system; });
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->message == first->message) return;
    if (part->system) continue;
    const std::int32_t tokens = places.count(part->bytes);
    const bool last = part == parts.rbegin();
    if ((last ? 0 : used) + tokens <= kMostTurnTokens) {
      tail.push_back(places.of(part->bytes));
      used = (last ? 0 : used) + tokens;
    } else if (!last) {
      return;
    }
  }
}

}  // namespace

ForcedTokens forced_tokens(const PromptText& prompt, std::span<const std::size_t> ends) {
  const TokenPlaces places(ends);
  const bool chat = !prompt.messages.empty();
  const ByteRange asked = chat ? prompt.messages.back().bytes : ByteRange{0, prompt.text.size()};
  ForcedTokens forced = {.head = {{0, kSinkTokens}}, .tail = {places.of({asked.end, prompt.text.size()})}};
  TokenRange question;
  if (prompt.question_begin) {
    question = places.of({*prompt.question_begin, asked.end});
  } else {
    const Asked guessed = guess_question(prompt.text, asked, places);
    question = guessed.question;
    forced.tail.push_back(guessed.first_paragraph);
  }
  forced.tail.push_back(question);
  if (chat) add_form(prompt.messages, places, forced.head);
  if (is_conversation(prompt.messages)) add_turns(prompt.messages, places, question.end - question.begin, forced.tail);
  return forced;
}

}  // namespace gemring
