#include "engine/text/added_tokens.h"

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
std::string show(const std::vector<AddedToken>& tokens, std::string_view text) {
  std::string out;
  for (const TextPiece& piece : AddedTokenMatcher(tokens).split(text)) {
    const std::string_view part = text.substr(piece.begin, piece.end - piece.begin);
    out += piece.token ? fmt::format("#{}[{}]", piece.token->value(), part) : fmt::format("({})", part);
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

}  // namespace
}  // namespace gemring
