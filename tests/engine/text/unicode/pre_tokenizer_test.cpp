#include "engine/text/unicode/pre_tokenizer.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace gemring {
namespace {

PreTokenizerStage stage(std::string_view pattern, SplitBehavior behavior = SplitBehavior::isolated,
                        bool invert = false) {
  PreTokenizerStage made;
  made.pattern = pattern;
  made.behavior = behavior;
  made.invert = invert;
  return made;
}

const PreTokenizerStage kGpt2 = stage(kGpt2Pattern);
const PreTokenizerStage kEachDigit = stage(kEachDigitPattern);
const PreTokenizerStage kDigitRun = stage(kDigitRunPattern);

PreTokenizerStage metaspace(PreTokenizerStage::Prefix prefix, bool split) {
  PreTokenizerStage made = split ? stage("▁", SplitBehavior::merged_with_next) : PreTokenizerStage{};
  made.space = "▁";
  made.prefix = prefix;
  return made;
}

std::vector<std::string> words(const std::vector<PreTokenizerStage>& stages, const TextPart& text,
                               std::vector<std::size_t>* ends = nullptr) {
  const PreTokenizer pre_tokenizer(stages);
  PreTokenizer::Scratch scratch(pre_tokenizer);
  std::vector<std::string> out;
  pre_tokenizer.split(text, scratch, [&](const TextPart& word) {
    out.emplace_back(word.bytes);
    if (ends != nullptr) ends->push_back(word.end_of(word.bytes.size()));
  });
  return out;
}

std::vector<std::string> words(const std::vector<PreTokenizerStage>& stages, std::string_view text) {
  return words(stages, TextPart{text});
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
  PreTokenizerStage prefixing = kGpt2;
  prefixing.prefix = PreTokenizerStage::Prefix::always;
  std::vector<std::size_t> ends;
  EXPECT_EQ(words({kEachDigit, prefixing}, TextPart{"ab1 c"}, &ends), (Words{" ab", " 1", " c"}));
  EXPECT_EQ(ends, (std::vector<std::size_t>{2, 3, 5}));
}

TEST(PreTokenizer, TextBetweenMatchesIsAPieceToo) {
  EXPECT_EQ(words({stage("b+")}, "abbcb"), (Words{"a", "bb", "c", "b"}));
}

TEST(PreTokenizer, AnEmptyMatchCuts) {
  // As the reference's iterator: not right behind a match, and no piece without bytes.
  EXPECT_EQ(words({stage("x*")}, "aéxxb"), (Words{"a", "é", "xx", "b"}));
  EXPECT_EQ(words({stage(R"((?=(\d{3})+(?!\d)))")}, "1234567"), (Words{"1", "234", "567"}));
}

// The examples of NormalizedString::split in Hugging Face tokenizers.
TEST(PreTokenizer, EachBehaviorDoesWithAMatchWhatItsNameSays) {
  const auto split = [](SplitBehavior behavior) { return words({stage("-", behavior)}, "the-final--countdown"); };
  EXPECT_EQ(split(SplitBehavior::isolated), (Words{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(split(SplitBehavior::removed), (Words{"the", "final", "countdown"}));
  EXPECT_EQ(split(SplitBehavior::merged_with_previous), (Words{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(split(SplitBehavior::merged_with_next), (Words{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(split(SplitBehavior::contiguous), (Words{"the", "-", "final", "--", "countdown"}));
}

TEST(PreTokenizer, BehaviorsAtTheEndsOfTheText) {
  EXPECT_EQ(words({stage("-", SplitBehavior::merged_with_previous)}, "--a-"), (Words{"-", "-", "a-"}));
  EXPECT_EQ(words({stage("-", SplitBehavior::merged_with_next)}, "-a--"), (Words{"-a", "-", "-"}));
  EXPECT_EQ(words({stage("-", SplitBehavior::contiguous)}, "--"), (Words{"--"}));
  EXPECT_EQ(words({stage("-", SplitBehavior::removed)}, "--"), Words{});
}

TEST(PreTokenizer, InvertedAMatchIsWhatLiesBetween) {
  EXPECT_EQ(words({stage("[a-z]+", SplitBehavior::removed, true)}, "ab--c"), (Words{"ab", "c"}));
  EXPECT_EQ(words({stage("[a-z]+", SplitBehavior::isolated, true)}, "ab--c"), (Words{"ab", "--", "c"}));
  EXPECT_EQ(words({stage("[a-z]", SplitBehavior::contiguous, true)}, "ab--c"), (Words{"ab", "--", "c"}));
}

TEST(PreTokenizer, MetaspaceReplacesSpacesAndSplitsBeforeEach) {
  using Prefix = PreTokenizerStage::Prefix;
  std::vector<std::size_t> ends;
  EXPECT_EQ(words({metaspace(Prefix::always, true)}, TextPart{"Hey   friend!"}, &ends),
            (Words{"▁Hey", "▁", "▁", "▁friend!"}));
  EXPECT_EQ(ends, (std::vector<std::size_t>{3, 4, 5, 13}));
  EXPECT_EQ(words({metaspace(Prefix::always, false)}, "a b"), (Words{"▁a▁b"}));
  EXPECT_EQ(words({metaspace(Prefix::always, false)}, " a"), (Words{"▁a"})) << "it begins with a space";
  EXPECT_EQ(words({metaspace(Prefix::always, false)}, "▁a"), (Words{"▁a"}));
  EXPECT_EQ(words({metaspace(Prefix::never, false)}, "a b"), (Words{"a▁b"}));
}

TEST(PreTokenizer, MetaspaceFirstPutsASpaceOnlyWhereTheTextBegins) {
  const auto first = metaspace(PreTokenizerStage::Prefix::first, false);
  EXPECT_EQ(words({first}, TextPart{"a b"}), (Words{"▁a▁b"}));
  EXPECT_EQ(words({first}, TextPart{"<s>a"}.part(3, 4)), (Words{"a"}));
}

TEST(PreTokenizer, AMillionSpacesAreOneWord) {
  EXPECT_EQ(words({kGpt2}, std::string(1'000'000, ' ') + "x"), (Words{std::string(999'999, ' '), " x"}));
}

TEST(PreTokenizer, PatternsThatDoNotCompileAreNamed) {
  EXPECT_THROW(words({stage("(a")}, "a"), ConfigError);
}

TEST(PreTokenizer, AMatchNeverEndsInsideAUtf8SequenceNorBeginsOutsideOfItself) {
  EXPECT_THROW(words({stage("\\C")}, "\u00e9"), ConfigError);
  EXPECT_THROW(words({stage("(?=(?&n))(?(DEFINE)(?<n>aa\\K))")}, "aaab"), ConfigError);
  EXPECT_THROW(words({stage("(?<=(?&n))b|(?<n>a\\Ka)")}, "aab"), ConfigError);
  EXPECT_EQ(words({stage("a\\Kb")}, "aab"), (Words{"aa", "b"}));
}

TEST(PreTokenizer, GivingUpIsAnErrorAndNoMissingMatch) {
  EXPECT_THROW(words({stage("(a|aa)+[bc]")}, std::string(60, 'a')), ResourceError);
}

TEST(TranslatePattern, SpellsOutWhitespaceInsideAndOutsideBrackets) {
  const std::string inside = translate_pattern(R"([^\s\p{L}])");
  EXPECT_EQ(inside.find("\\s"), std::string::npos);
  EXPECT_TRUE(inside.starts_with("[^\\t-\\r"));
  EXPECT_TRUE(inside.ends_with("\\p{L}]"));
  EXPECT_TRUE(translate_pattern(R"((?!\S))").starts_with("(?![^\\t-\\r"));
  EXPECT_EQ(translate_pattern(R"(\\s)"), R"(\\s)");
  EXPECT_EQ(translate_pattern(R"([]\p{L}+}+])"), R"([]\p{L}+}+])") << "a bracket that stands first is no end";
}

TEST(TranslatePattern, WordCharactersHaveCombiningMarks) {
  EXPECT_EQ(words({stage(R"(\w+)")}, "a\u0301_²-b\u200Dc"), (Words{"a\u0301_²", "-", "b", "\u200D", "c"}));
  EXPECT_EQ(words({stage(R"([^\S\n]+)")}, "a \t\nb"), (Words{"a", " \t", "\nb"}));
}

TEST(TranslatePattern, ADollarStandsAtEachLine) {
  EXPECT_EQ(words({stage(R"( +$)")}, "a  \nb "), (Words{"a", "  ", "\nb", " "}));
}

TEST(TranslatePattern, RefusesWhatMeansSomethingElseToPcre2) {
  for (const char* pattern : {R"([a[b]])", R"([a&&b])", R"([\W])", R"(\h)", R"(a{1,2}+)"}) {
    EXPECT_THROW(translate_pattern(pattern), ConfigError) << pattern;
  }
  EXPECT_EQ(translate_pattern(R"(\p{L}+)"), R"(\p{L}+)");
}

TEST(QuotePattern, MatchesTheTextItself) {
  EXPECT_EQ(words({stage(quote_pattern("a.*[\n#"))}, "xa.*[\n#y"), (Words{"x", "a.*[\n#", "y"}));
}

}  // namespace
}  // namespace gemring
