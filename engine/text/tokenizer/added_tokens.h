// Tokens that are found in the text before anything else looks at it (tokenizer.json, "added_tokens"), as
// added_vocabulary.rs of Hugging Face tokenizers finds them.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/types.h"
#include "engine/text/unicode/byte_range.h"
#include "engine/text/unicode/normalizer.h"
#include "engine/text/unicode/regex.h"
#include "engine/text/unicode/text_part.h"

namespace gemring {

struct AddedToken {
  TokenId id;
  std::string content;
  bool special = false;
  bool normalized = false;   // looked for in the normalised text (its content normalised too), after those with false
  bool single_word = false;  // not where a letter, digit or underscore touches it
  bool left_strip = false;   // whitespace before (after) it is swallowed
  bool right_strip = false;
};

/// A piece of a part: an added token, or text between two (`token` empty).
struct TextPiece {
  std::optional<TokenId> token;
  std::size_t begin;
  std::size_t end;
};

/// Where special tokens are not looked for; others are found everywhere.
struct SpecialTokenFilter {
  bool parse_special = true;
  std::span<const ByteRange> literal = {};  // of the original text, ascending, not overlapping
};

class AddedTokenMatcher {
 public:
  AddedTokenMatcher(const std::vector<AddedToken>& tokens, const Normalizer& normalizer);

  /// The pieces of `part`, in order, without empty ones: the leftmost token, there the longest, then on behind it.
  /// Tokens of the text as it was given (split_raw), of the normalised text (split_normalized).
  void split_raw(const TextPart& part, const SpecialTokenFilter& filter, std::vector<TextPiece>& out) const {
    split_by(raw_, part, filter, out);
  }
  void split_normalized(const TextPart& part, const SpecialTokenFilter& filter, std::vector<TextPiece>& out) const {
    split_by(normalized_, part, filter, out);
  }

 private:
  // Tokens sorted by content, and whether one begins with a byte: most positions are rejected by one look-up.
  struct Set {
    std::vector<AddedToken> tokens;
    std::array<bool, 256> first_bytes{};
  };
  static const AddedToken* longest_at(const Set& set, const TextPart& part, std::size_t at,
                                      const SpecialTokenFilter& filter);
  void split_by(const Set& set, const TextPart& part, const SpecialTokenFilter& filter,
                std::vector<TextPiece>& out) const;
  bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) const;

  Set raw_, normalized_;
  Regex word_;
};

}  // namespace gemring
