#include "engine/text/pre_tokenizer.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace gemring {
namespace {

const SplitStage kGpt2{std::string(kGpt2Pattern), false};
const SplitStage kEachDigit{std::string(kEachDigitPattern), false};
const SplitStage kDigitRun{std::string(kDigitRunPattern), false};

std::vector<std::string> words(const std::vector<SplitStage>& stages, std::string_view text,
                               std::vector<std::ptrdiff_t>* begins = nullptr) {
  const PreTokenizer pre_tokenizer(stages);
  PreTokenizer::Scratch scratch(pre_tokenizer);
  std::vector<std::string> out;
  pre_tokenizer.split(text, 0, scratch, [&](Word word) {
    out.emplace_back(word.bytes);
    if (begins != nullptr) begins->push_back(word.begin);
  });
  return out;
}

using Words = std::vector<std::string>;

TEST(PreTokenizer, Gpt2KeepsTheSpaceWithTheWordAndCutsContractions) {
  EXPECT_EQ(words({kGpt2}, "I'll go, they've 12cats"), (Words{"I", "'ll", " go", ",", " they", "'ve", " 12", "cats"}));
}

TEST(PreTokenizer, TheLastOfSeveralSpacesBelongsToTheWordBehind) {
  EXPECT_EQ(words({kGpt2}, "a   b\n\n  c  "), (Words{"a", "  ", " b", "\n\n ", " c", "  "}));
}

TEST(PreTokenizer, TheMongolianVowelSeparatorIsNoWhitespace) {
  // PCRE2's own \s would take U+180E into the run of spaces.
  EXPECT_EQ(words({kGpt2}, "a \u180E b"), (Words{"a", " \u180E", " b"}));
  EXPECT_EQ(words({kGpt2}, "a\u3000\u3000b"), (Words{"a", "\u3000", "\u3000", "b"}));
}

TEST(PreTokenizer, DigitsAreCutBeforeTheNextStageSeesThem) {
  EXPECT_EQ(words({kEachDigit, kGpt2}, "in 1984."), (Words{"in", " ", "1", "9", "8", "4", "."}));
  EXPECT_EQ(words({kDigitRun, kGpt2}, "in 1984."), (Words{"in", " ", "1984", "."}));
}

TEST(PreTokenizer, DigitsAreUnicodeNumbersNotOnlyAscii) {
  EXPECT_EQ(words({kEachDigit}, "a½Ⅷ٣b"), (Words{"a", "½", "Ⅷ", "٣", "b"}));
}

TEST(PreTokenizer, PrefixSpaceGoesBeforeEachPieceThatHasNoneAndKeepsOffsets) {
  std::vector<std::ptrdiff_t> begins;
  EXPECT_EQ(words({kEachDigit, {std::string(kGpt2Pattern), true}}, "ab1 c", &begins), (Words{" ab", " 1", " c"}));
  EXPECT_EQ(begins, (std::vector<std::ptrdiff_t>{-1, 1, 3}));
}

TEST(PreTokenizer, TextBetweenMatchesIsAPieceToo) {
  EXPECT_EQ(words({{"b+", false}}, "abbcb"), (Words{"a", "bb", "c", "b"}));
}

TEST(PreTokenizer, EmptyMatchesCutNothingAndEnd) {
  EXPECT_EQ(words({{"x*", false}}, "aéxxb"), (Words{"aé", "xx", "b"}));
}

TEST(PreTokenizer, AMillionSpacesAreOneWord) {
  EXPECT_EQ(words({kGpt2}, std::string(1'000'000, ' ') + "x"), (Words{std::string(999'999, ' '), " x"}));
}

TEST(PreTokenizer, PatternsThatDoNotCompileAreNamed) {
  EXPECT_THROW(words({{"(a", false}}, "a"), ConfigError);
  EXPECT_THROW(words({{R"([^\S])", false}}, "a"), ConfigError);
}

TEST(SpellOutWhitespace, WorksInsideAndOutsideBracketsAndLeavesEscapedBackslashes) {
  const std::string inside = spell_out_whitespace(R"([^\s\p{L}])");
  EXPECT_EQ(inside.find("\\s"), std::string::npos);
  EXPECT_TRUE(inside.starts_with("[^\\t-\\r"));
  EXPECT_TRUE(inside.ends_with("\\p{L}]"));
  EXPECT_TRUE(spell_out_whitespace(R"((?!\S))").starts_with("(?![^\\t-\\r"));
  EXPECT_EQ(spell_out_whitespace(R"(\\s)"), R"(\\s)");
}

}  // namespace
}  // namespace gemring
