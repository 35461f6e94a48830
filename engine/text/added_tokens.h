// Tokens that are found in the raw text before anything else looks at it (tokenizer.json, "added_tokens").
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/types.h"
#include "engine/text/regex.h"

namespace gemring {

struct AddedToken {
  TokenId id;
  std::string content;
  bool special = false;
  bool normalized = false;   // looked for after the tokens with false, in what they left
  bool single_word = false;  // not where a letter, digit or underscore touches it
  bool left_strip = false;   // whitespace before (after) it is swallowed
  bool right_strip = false;
};

/// A piece of the text: an added token, or text between two (`token` empty).
struct TextPiece {
  std::optional<TokenId> token;
  std::size_t begin;
  std::size_t end;
};

/// Finds the leftmost, there the longest, then goes on behind it (added_vocabulary.rs of Hugging Face tokenizers).
class AddedTokenMatcher {
 public:
  explicit AddedTokenMatcher(const std::vector<AddedToken>& tokens);

  /// The pieces of `text`, in order, without empty ones. `text` is valid UTF-8.
  std::vector<TextPiece> split(std::string_view text) const;

 private:
  // Tokens sorted by content, and whether one begins with a byte: most positions are rejected by one look-up.
  struct Set {
    std::vector<AddedToken> tokens;
    std::vector<bool> first_bytes = std::vector<bool>(256, false);
    const AddedToken* longest_at(std::string_view text) const;
  };
  void split_by(const Set& set, std::string_view text, TextPiece piece, std::vector<TextPiece>& out) const;
  bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) const;

  Set raw_, normalized_;
  Regex word_at_begin_, word_at_end_, space_at_begin_, space_at_end_;
};

}  // namespace gemring
