#include "engine/text/added_tokens.h"

#include <algorithm>

namespace gemring {

namespace {

// \w of Rust's regex.
constexpr std::string_view kWordClass = R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}])";

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(const std::vector<AddedToken>& tokens)
    : word_at_begin_("\\A" + std::string(kWordClass)),
      word_at_end_("\\A" + std::string(kWordClass) + "\\z"),
      space_at_begin_(R"(\A\s+)"),
      space_at_end_(R"(\A\s\z)") {
  for (const AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    Set& set = token.normalized ? normalized_ : raw_;
    set.tokens.push_back(token);
    set.first_bytes[static_cast<unsigned char>(token.content.front())] = true;
  }
  for (Set* set : {&raw_, &normalized_}) {
    std::sort(set->tokens.begin(), set->tokens.end(),
              [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
  }
}

const AddedToken* AddedTokenMatcher::Set::longest_at(std::string_view text) const {
  const AddedToken* longest = nullptr;
  // Narrows the sorted tokens to those that share the first `depth` bytes with the text.
  auto low = tokens.begin(), high = tokens.end();
  for (std::size_t depth = 0; low != high; ++depth) {
    if (low->content.size() == depth) longest = &*low++;
    if (depth == text.size()) break;
    const auto byte = static_cast<unsigned char>(text[depth]);
    const auto byte_of = [depth](const AddedToken& token) { return static_cast<unsigned char>(token.content[depth]); };
    low = std::partition_point(low, high, [&](const AddedToken& token) { return byte_of(token) < byte; });
    high = std::partition_point(low, high, [&](const AddedToken& token) { return byte_of(token) == byte; });
  }
  return longest;
}

namespace {

// The last code point of a text that is not empty.
std::string_view last_code_point(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return text.substr(begin);
}

bool matches(const Regex& regex, std::string_view text) {
  return Matcher(regex).find(text, 0).has_value();
}

}  // namespace

bool AddedTokenMatcher::stands_alone(std::string_view text, std::size_t begin, std::size_t end) const {
  const bool word_before = begin > 0 && matches(word_at_end_, last_code_point(text.substr(0, begin)));
  const bool word_behind = end < text.size() && matches(word_at_begin_, text.substr(end));
  return !word_before && !word_behind;
}

void AddedTokenMatcher::split_by(const Set& set, std::string_view text, TextPiece piece,
                                 std::vector<TextPiece>& out) const {
  const std::string_view own = text.substr(0, piece.end);
  std::size_t done = piece.begin;
  for (std::size_t at = piece.begin; at < piece.end;) {
    const AddedToken* token =
        set.first_bytes[static_cast<unsigned char>(own[at])] ? set.longest_at(own.substr(at)) : nullptr;
    if (token == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + token->content.size();
    at = end;
    if (token->single_word && !stands_alone(own.substr(piece.begin), begin - piece.begin, end - piece.begin)) continue;
    if (token->left_strip) {
      while (begin > done) {
        const std::string_view last = last_code_point(own.substr(done, begin - done));
        if (!matches(space_at_end_, last)) break;
        begin -= last.size();
      }
    }
    if (token->right_strip) {
      if (const auto space = Matcher(space_at_begin_).find(own.substr(end), 0)) end += space->end;
    }
    if (done < begin) out.push_back({std::nullopt, done, begin});
    out.push_back({token->id, begin, end});
    done = end;
    at = std::max(at, end);
  }
  if (done < piece.end) out.push_back({std::nullopt, done, piece.end});
}

std::vector<TextPiece> AddedTokenMatcher::split(std::string_view text) const {
  std::vector<TextPiece> raw, pieces;
  split_by(raw_, text, {std::nullopt, 0, text.size()}, raw);
  for (const TextPiece& piece : raw) {
    if (piece.token) {
      pieces.push_back(piece);
    } else {
      split_by(normalized_, text, piece, pieces);
    }
  }
  return pieces;
}

}  // namespace gemring
