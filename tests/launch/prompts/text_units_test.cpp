#include "launch/prompts/text_units.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/launch/prompts/demo_tokenizer.h"

namespace gemring {
namespace {

using Pieces = std::vector<std::string>;

Pieces pieces(const std::string& text, const std::vector<std::size_t>& ends) {
  Pieces found;
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    found.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return found;
}

Pieces sentences(const std::string& text) {
  return pieces(text, ends_of_sentences(text));
}

Pieces lines(const std::string& text) {
  return pieces(text, ends_of_lines(text));
}

TEST(TextUnits, LinesEndBehindTheirLineFeed) {
  EXPECT_EQ(lines("a\nb\r\n\nc"), (Pieces{"a\n", "b\r\n", "\n", "c"}));
  EXPECT_EQ(lines("a\n"), (Pieces{"a\n"}));
  EXPECT_EQ(lines(""), Pieces{});
}

TEST(TextUnits, SentencesEndWhereWhiteSpaceFollowsTheirMark) {
  EXPECT_EQ(sentences("First. Two!  Three?\nFour"), (Pieces{"First.", " Two!", "  Three?", "\nFour"}));
  EXPECT_EQ(sentences("He said \"Never.\" (She left.) Then"), (Pieces{"He said \"Never.\"", " (She left.)", " Then"}));
  EXPECT_EQ(sentences("\u201cWhy?\u201d asked"), (Pieces{"\u201cWhy?\u201d", " asked"}));
  EXPECT_EQ(sentences("Wait... what? 3.14 and a.b"), (Pieces{"Wait... what?", " 3.14 and a.b"}));
  EXPECT_EQ(sentences(""), Pieces{});
}

TEST(TextUnits, AShortCapitalisedWordIsAnAbbreviation) {
  EXPECT_EQ(sentences("Mr. Fox met J. Dr. Owl. Then home."), (Pieces{"Mr. Fox met J. Dr. Owl. Then home."}));
  EXPECT_EQ(sentences("Mrs. Robin left. Then"), (Pieces{"Mrs. Robin left.", " Then"}));
  EXPECT_EQ(sentences("It is No! Then"), (Pieces{"It is No!", " Then"}));
}

TEST(TextUnits, ABlankLineEndsASentenceAndALineEndDoesNot) {
  EXPECT_EQ(sentences("A title\n\n\nA line\nand more"), (Pieces{"A title\n\n\n", "A line\nand more"}));
  EXPECT_EQ(sentences("a\r\n \r\n  b"), (Pieces{"a\r\n \r\n  ", "b"}));
  EXPECT_EQ(sentences("a\n\n"), (Pieces{"a\n\n"}));
}

TEST(TextUnits, WideFullStopsNeedNoSpace) {
  EXPECT_EQ(sentences("\u3042\u3002\u3044\uff01\u300d\u3046"),
            (Pieces{"\u3042\u3002", "\u3044\uff01\u300d", "\u3046"}));
}

TEST(TextUnits, ATokenBelongsToTheUnitThatItBeginsIn) {
  const std::string text = "ab\ncd\n\nef";
  // BOS, "ab", "\nc", "d\n\n", "ef"
  const std::vector<std::size_t> ends = {0, 2, 4, 7, 9};
  EXPECT_EQ(unit_ends(KeepUnit::lines, text, ends), (std::vector<std::int32_t>{3, 4, 5}));
}

TEST(TextUnits, LongUnitsAreCutIntoEqualParts) {
  std::vector<std::size_t> ends;
  for (std::size_t i = 1; i <= 133; ++i) ends.push_back(i);
  EXPECT_EQ(unit_ends(KeepUnit::sentences, std::string(133, 'a'), ends), (std::vector<std::int32_t>{44, 88, 133}));
  ends.resize(64);
  EXPECT_EQ(unit_ends(KeepUnit::lines, std::string(64, 'a'), ends), (std::vector<std::int32_t>{64}));
}

TEST(TextUnits, TheyCoverAnyTextInOrder) {
  for (const std::string text :
       {"One. Two.\n\nThree", "\n\n\n", "x", "\u00fc\u00e4. \u3042\u3002\u3044", ". . . \n.\n"}) {
    const Encoding encoding = test::demo_tokenizer().encode(text);
    for (const KeepUnit unit : {KeepUnit::lines, KeepUnit::sentences}) {
      const auto ends = unit_ends(unit, text, encoding.ends);
      ASSERT_FALSE(ends.empty()) << text;
      EXPECT_GT(ends.front(), 0);
      for (std::size_t i = 1; i < ends.size(); ++i) EXPECT_LT(ends[i - 1], ends[i]) << text;
      EXPECT_EQ(ends.back(), static_cast<std::int32_t>(encoding.ids.size())) << text;
    }
  }
}

}  // namespace
}  // namespace gemring
