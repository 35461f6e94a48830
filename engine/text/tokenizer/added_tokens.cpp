#include "engine/text/tokenizer/added_tokens.h"

#include <algorithm>

#include "engine/text/unicode/utf8.h"

namespace gemring {

namespace {

// The last code point of a text that is not empty.
std::string_view last_code_point(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return text.substr(begin);
}

std::string_view first_code_point(std::string_view text) {
  return text.substr(0, utf8_sequence(text).length);
}

std::size_t without_spaces_behind(std::string_view text) {
  while (!text.empty() && is_white_space(code_point(last_code_point(text)))) {
    text.remove_suffix(last_code_point(text).size());
  }
  return text.size();
}

std::size_t spaces_in_front(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && is_white_space(code_point(first_code_point(text.substr(at))))) {
    at += first_code_point(text.substr(at)).size();
  }
  return at;
}

bool allowed(const AddedToken& token, const TextPart& part, std::size_t at, const SpecialTokenFilter& filter) {
  if (!token.special) return true;
  if (!filter.parse_special) return false;
  if (filter.literal.empty()) return true;
  const std::size_t begin = part.end_of(at), end = part.end_of(at + token.content.size());
  const auto range = std::partition_point(filter.literal.begin(), filter.literal.end(),
                                          [&](const ByteRange& literal) { return literal.end <= begin; });
  return range == filter.literal.end() || range->begin >= end;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(const std::vector<AddedToken>& tokens, const Normalizer& normalizer)
    : word_("[" + std::string(kRustWordClass) + "]") {
  Normalizer::Scratch scratch(normalizer);
  for (AddedToken token : tokens) {
    if (token.normalized) token.content = std::string(normalizer.normalize({token.content}, scratch).bytes);
    if (token.content.empty()) continue;
    Set& set = token.normalized ? normalized_ : raw_;
    set.first_bytes[static_cast<unsigned char>(token.content.front())] = true;
    set.tokens.push_back(std::move(token));
  }
  for (Set* set : {&raw_, &normalized_}) {
    std::stable_sort(set->tokens.begin(), set->tokens.end(),
                     [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
  }
}

const AddedToken* AddedTokenMatcher::longest_at(const Set& set, const TextPart& part, std::size_t at,
                                                const SpecialTokenFilter& filter) {
  const std::string_view text = part.bytes.substr(at);
  const AddedToken* longest = nullptr;
  // Narrows the sorted tokens to those that share the first `depth` bytes with the text.
  auto low = set.tokens.begin(), high = set.tokens.end();
  for (std::size_t depth = 0; low != high; ++depth) {
    const AddedToken* here = nullptr;  // of several with one content the first
    for (; low != high && low->content.size() == depth; ++low) {
      if (here == nullptr && allowed(*low, part, at, filter)) here = &*low;
    }
    if (here != nullptr) longest = here;
    if (depth == text.size()) break;
    const auto byte = static_cast<unsigned char>(text[depth]);
    const auto byte_of = [depth](const AddedToken& token) { return static_cast<unsigned char>(token.content[depth]); };
    low = std::partition_point(low, high, [&](const AddedToken& token) { return byte_of(token) < byte; });
    high = std::partition_point(low, high, [&](const AddedToken& token) { return byte_of(token) == byte; });
  }
  return longest;
}

bool AddedTokenMatcher::stands_alone(std::string_view text, std::size_t begin, std::size_t end) const {
  Matcher word(word_);
  const bool word_before = begin > 0 && word.find(last_code_point(text.substr(0, begin)), 0);
  const bool word_behind = end < text.size() && word.find(first_code_point(text.substr(end)), 0);
  return !word_before && !word_behind;
}

void AddedTokenMatcher::split_by(const Set& set, const TextPart& part, const SpecialTokenFilter& filter,
                                 std::vector<TextPiece>& out) const {
  const std::string_view text = part.bytes;
  std::size_t done = 0;
  for (std::size_t at = 0; !set.tokens.empty() && at < text.size();) {
    const AddedToken* token =
        set.first_bytes[static_cast<unsigned char>(text[at])] ? longest_at(set, part, at, filter) : nullptr;
    if (token == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + token->content.size();
    at = end;  // not behind what right_strip swallows: a token found there is one, too
    if (token->single_word && !stands_alone(text, begin, end)) continue;
    if (token->left_strip) begin = std::max(done, without_spaces_behind(text.substr(0, begin)));
    if (token->right_strip) end += spaces_in_front(text.substr(end));
    if (end <= begin) continue;  // all of it swallowed by the token before
    if (done < begin) out.push_back({std::nullopt, done, begin});
    out.push_back({token->id, begin, end});
    done = end;
  }
  if (done < text.size()) out.push_back({std::nullopt, done, text.size()});
}

}  // namespace gemring
