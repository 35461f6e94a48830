// Where a long word may be cut without changing its tokens. A SentencePiece vocabulary has no pre-tokeniser: the whole
// text is one word, and no cache of words helps. But hardly any of its merges goes across "x▁", so the text may be cut
// there, once the vocabulary at hand was asked.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gemring {

/// Knows the pairs of ASCII characters and ▁ that some merge joins: the last character of its left and the first of its
/// right token. Between two others no merge ever reaches, whatever stands around them.
class WordCutter {
 public:
  /// As made, cuts nowhere: no character is usable.
  WordCutter() = default;

  /// Some merge joins the two.
  void add_join(char32_t last, char32_t first);

  /// The character is never part of an unknown token, which could be fused with what stands beside it.
  void allow(char32_t code);

  /// The length of the first part of `word`, which is not empty: all of it where no cut is safe.
  std::size_t first_part(std::string_view word) const;

 private:
  static constexpr std::size_t kSpace = 0x80;  // ▁, U+2581
  static constexpr std::size_t kClasses = 0x81;
  static constexpr std::size_t kNone = kClasses;
  static std::size_t class_of(char32_t code) { return code < 0x80 ? code : code == 0x2581 ? kSpace : kNone; }

  std::bitset<kClasses * kClasses> joins_;
  std::bitset<kClasses + 1> usable_;  // kNone never is
};

}  // namespace gemring
