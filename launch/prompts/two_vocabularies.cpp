#include "launch/prompts/two_vocabularies.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "engine/base/error.h"

namespace gemring {
namespace {

bool continues_a_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

std::string_view part(std::string_view text, const ByteRange& range) {
  return text.substr(range.begin, range.end - range.begin);
}

/// The contents of a prompt: what messages hold, else all of it.
std::vector<MessagePart> contents_of(const PromptText& text) {
  if (text.messages.empty() && text.adds_special_tokens) return {{0, false, {0, text.text.size()}}};
  return text.messages;
}

/// Templates may trim what a message holds: leaves of two ranges what both hold. False: they hold different texts.
bool trim_to_common(std::string_view one_text, ByteRange& one, std::string_view other_text, ByteRange& other) {
  const std::string_view a = part(one_text, one);
  const std::string_view b = part(other_text, other);
  if (a.size() < b.size()) return trim_to_common(other_text, other, one_text, one);
  const std::size_t at = a.find(b);
  if (at == std::string_view::npos) return false;
  one = {one.begin + at, one.begin + at + b.size()};
  return true;
}

/// Tokenises pieces of a text one by one.
class Reading {
 public:
  explicit Reading(const PromptInTwoVocabularies::Side& side) : side_(side) {}

  void add(const ByteRange& range, bool add_bos) {
    const std::vector<ByteRange> literal = inside(side_.text.literal, range);
    const Encoding encoding =
        side_.tokenizer.encode(part(side_.text.text, range), {.add_bos = add_bos, .literal = literal});
    ids_.insert(ids_.end(), encoding.ids.begin(), encoding.ids.end());
  }
  std::vector<TokenId> take() { return std::move(ids_); }

 private:
  const PromptInTwoVocabularies::Side& side_;
  std::vector<TokenId> ids_;
};

}  // namespace

std::vector<ByteRange> kept_text(std::string_view text, std::span<const std::size_t> ends,
                                 std::span<const OriginalPosition> kept) {
  std::vector<ByteRange> ranges;
  for (const OriginalPosition position : kept) {
    const std::size_t token = position.index();
    ByteRange range{token == 0 ? 0 : ends[token - 1], ends[token]};
    if (range.begin == range.end) continue;  // stands for nothing in the text
    while (range.begin > 0 && continues_a_character(text[range.begin])) --range.begin;
    while (range.end < text.size() && continues_a_character(text[range.end])) ++range.end;
    if (!ranges.empty() && range.begin <= ranges.back().end)
      ranges.back().end = range.end;
    else
      ranges.push_back(range);
  }
  return ranges;
}

std::vector<ByteRange> inside(std::span<const ByteRange> ranges, const ByteRange& window) {
  std::vector<ByteRange> parts;
  for (const ByteRange& range : ranges) {
    const std::size_t begin = std::max(range.begin, window.begin);
    const std::size_t end = std::min(range.end, window.end);
    if (begin < end) parts.push_back({begin - window.begin, end - window.begin});
  }
  return parts;
}

PromptInTwoVocabularies::PromptInTwoVocabularies(Side filter, Side answer)
    : filter_(std::move(filter)),
      answer_(std::move(answer)),
      in_filter_(contents_of(filter_.text)),
      in_answer_(contents_of(answer_.text)) {
  bool same = in_filter_.size() == in_answer_.size();
  for (std::size_t i = 0; same && i < in_filter_.size(); ++i) {
    same = in_filter_[i].message == in_answer_[i].message &&
           trim_to_common(filter_.text.text, in_filter_[i].bytes, answer_.text.text, in_answer_[i].bytes);
  }
  if (!same) {
    throw ConfigError({"--filter-model", "its chat template does not write the messages that the model's own does",
                       "give the system message and the conversation as one message, or another filter model"});
  }
  of_filter_ = prompt_of(filter_.text, filter_.tokenizer);
}

std::vector<TokenId> PromptInTwoVocabularies::whole() const {
  return prompt_of(answer_.text, answer_.tokenizer).ids;
}

std::vector<TokenId> PromptInTwoVocabularies::reading_of(std::span<const OriginalPosition> kept) const {
  const std::vector<ByteRange> spans = kept_text(filter_.text.text, of_filter_.ends, kept);
  Reading reading(answer_);
  std::size_t done = 0;
  for (std::size_t i = 0; i < in_answer_.size(); ++i) {
    const ByteRange& content = in_answer_[i].bytes;
    reading.add({done, content.begin}, i == 0 && answer_.text.adds_special_tokens);
    for (const ByteRange& span : inside(spans, in_filter_[i].bytes)) {
      reading.add({content.begin + span.begin, content.begin + span.end}, false);
    }
    done = content.end;
  }
  reading.add({done, answer_.text.text.size()}, false);
  return reading.take();
}

}  // namespace gemring
