#include "engine/text/tokenizer/added_tokens.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace gemring {
namespace {

AddedToken token(int id, const std::string& content) {
  AddedToken added;
  added.id = TokenId(id);
  added.content = content;
  return added;
}

// "text" pieces as they are, tokens as #id[text].
std::string show(const std::vector<AddedToken>& tokens, std::string_view text, const SpecialTokenFilter& filter = {}) {
  const Normalizer normalizer({});
  const AddedTokenMatcher matcher(tokens, normalizer);
  std::vector<TextPiece> raw;
  matcher.split_raw({text}, filter, raw);
  std::string out;
  const auto add = [&](const TextPiece& piece, std::string_view whole) {
    const std::string_view part = whole.substr(piece.begin, piece.end - piece.begin);
    out += piece.token ? fmt::format("#{}[{}]", piece.token->value(), part) : fmt::format("({})", part);
  };
  for (const TextPiece& piece : raw) {
    if (piece.token) {
      add(piece, text);
      continue;
    }
    const TextPart part = TextPart{text}.part(piece.begin, piece.end);
    std::vector<TextPiece> normalized;
    matcher.split_normalized(part, filter, normalized);
    for (const TextPiece& inner : normalized) add(inner, part.bytes);
  }
  return out;
}

TEST(AddedTokens, TextWithoutAnyIsOnePieceAndEmptyTextNone) {
  EXPECT_EQ(show({token(1, "<s>")}, "a < s > b"), "(a < s > b)");
  EXPECT_EQ(show({token(1, "<s>")}, ""), "");
  EXPECT_EQ(show({}, "abc"), "(abc)");
}

TEST(AddedTokens, NeighboursLeaveNoEmptyPieceBetween) {
  EXPECT_EQ(show({token(1, "<s>"), token(2, "</s>")}, "<s>a<s></s>"), "#1[<s>](a)#1[<s>]#2[</s>]");
}

TEST(AddedTokens, TheLeftmostWinsAndThereTheLongest) {
  EXPECT_EQ(show({token(1, "ab"), token(2, "abcd"), token(3, "bcde")}, "abcde"), "#2[abcd](e)");
  EXPECT_EQ(show({token(1, "ab"), token(2, "abcd"), token(3, "bcde")}, "abcxbcde"), "#1[ab](cx)#3[bcde]");
}

TEST(AddedTokens, NormalizedTokensAreLookedForInWhatTheOthersLeft) {
  AddedToken later = token(2, "xa");
  later.normalized = true;
  // Leftmost would be "xa", but the raw token "ab" is taken first.
  EXPECT_EQ(show({token(1, "ab"), later}, "xab xa"), "(x)#1[ab]( )#2[xa]");
}

TEST(AddedTokens, StrippingSwallowsWhitespaceButNotAcrossThePreviousToken) {
  AddedToken left = token(1, "<l>"), right = token(2, "<r>");
  left.left_strip = true;
  right.right_strip = true;
  EXPECT_EQ(show({left, right}, "a \n<l> b <r>\u3000\t c"), "(a)#1[ \n<l>]( b )#2[<r>\u3000\t ](c)");
  EXPECT_EQ(show({left, right}, "<r>  <l>"), "#2[<r>  ]#1[<l>]");
}

TEST(AddedTokens, ASingleWordTokenTouchesNoWordCharacter) {
  AddedToken word = token(1, "cat");
  word.single_word = true;
  EXPECT_EQ(show({word}, "cat cats écat cat_ (cat)"), "#1[cat]( cats écat cat_ ()#1[cat]())");
}

TEST(AddedTokens, WhatRightStripSwallowsMayHoldATokenWhichIsFoundToo) {
  // added_vocabulary.rs goes on behind the match itself, not behind the whitespace that it swallowed.
  AddedToken right = token(1, "<r>");
  right.right_strip = true;
  EXPECT_EQ(show({right, token(2, "\n")}, "<r> \n x"), "#1[<r> \n ]#2[\n]( x)");
}

TEST(AddedTokens, ASingleWordTokenOfTheNormalizedTextSeesOnlyItsPiece) {
  AddedToken word = token(2, "cat");
  word.single_word = word.normalized = true;
  EXPECT_EQ(show({token(1, "a"), word}, "acat"), "#1[a](c)#1[a](t)");
  EXPECT_EQ(show({token(1, "x"), word}, "xcatx"), "#1[x]#2[cat]#1[x]");
}

TEST(AddedTokens, SpecialOnesAreNoTokensWhereTheTextIsLiteral) {
  AddedToken special = token(1, "<s>");
  special.special = true;
  const AddedToken plain = token(2, "<p>");
  const std::vector<ByteRange> literal = {{3, 9}};
  EXPECT_EQ(show({special, plain}, "<s><s><p><s>", {true, literal}), "#1[<s>](<s>)#2[<p>]#1[<s>]");
  EXPECT_EQ(show({special, plain}, "<s><p>", {false, {}}), "(<s>)#2[<p>]");
}

TEST(AddedTokens, ASpecialOneThatReachesIntoLiteralTextIsText) {
  AddedToken special = token(1, "<s>");
  special.special = true;
  const std::vector<ByteRange> literal = {{1, 2}};
  EXPECT_EQ(show({special}, "<s><s>", {true, literal}), "(<s>)#1[<s>]");
}

TEST(AddedTokens, AShorterTokenIsFoundWhereTheLongerOneIsNotLookedFor) {
  AddedToken special = token(1, "<s>!");
  special.special = true;
  EXPECT_EQ(show({special, token(2, "<s>")}, "<s>!", {false, {}}), "#2[<s>](!)");
}

}  // namespace
}  // namespace gemring
