#include "launch/prompts/two_vocabularies.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/launch/prompts/demo_tokenizer.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::error_of;

/// Byte-level as the demo model's, of other merges; [INST] and [/INST] are tokens.
const Tokenizer& other_tokenizer() {
  static const Tokenizer tokenizer = Tokenizer::load(std::string(GEMRING_TEST_DATA) + "/tokenizers/tekken-small");
  return tokenizer;
}

std::vector<OriginalPosition> positions(const std::vector<int>& values) {
  return {values.begin(), values.end()};
}

using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;

Pairs pairs(const std::vector<ByteRange>& ranges) {
  Pairs made;
  for (const ByteRange& range : ranges) made.emplace_back(range.begin, range.end);
  return made;
}

/// Markup around contents, as a template writes it.
PromptText chat_text(const std::vector<std::pair<std::string, bool>>& pieces) {
  PromptText text;
  text.adds_special_tokens = false;
  for (const auto& [piece, literal] : pieces) {
    const ByteRange bytes{text.text.size(), text.text.size() + piece.size()};
    if (literal) text.messages.push_back({text.messages.size(), false, bytes});
    if (literal) text.literal.push_back(bytes);
    text.text += piece;
  }
  return text;
}

/// The tokens of the filter that hold any byte of `part`, which stands once in its text.
std::vector<OriginalPosition> tokens_of(const PromptInTwoVocabularies& prompt, const std::string& text,
                                        const std::string& part) {
  const std::size_t begin = text.find(part);
  const std::vector<std::size_t>& ends = prompt.of_filter().ends;
  std::vector<OriginalPosition> kept;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const std::size_t from = i == 0 ? 0 : ends[i - 1];
    if (from < begin + part.size() && ends[i] > begin) kept.emplace_back(i);
  }
  return kept;
}

TEST(KeptText, NeighboursAreOneSpanAndCharactersStayWhole) {
  // Tokens: "a" | "é" in two halves | "b" | nothing | "€" in three.   Bytes: a 0, é 1 2, b 3, € 4 5 6
  const std::string text = "aéb€";
  const std::vector<std::size_t> ends = {1, 2, 3, 4, 4, 5, 6, 7};
  EXPECT_EQ(pairs(kept_text(text, ends, positions({0, 3}))), (Pairs{{0, 1}, {3, 4}}));
  EXPECT_EQ(pairs(kept_text(text, ends, positions({0, 1, 2}))), (Pairs{{0, 3}}));
  EXPECT_EQ(pairs(kept_text(text, ends, positions({1}))), (Pairs{{1, 3}}));
  EXPECT_EQ(pairs(kept_text(text, ends, positions({2}))), (Pairs{{1, 3}}));
  EXPECT_EQ(pairs(kept_text(text, ends, positions({1, 6}))), (Pairs{{1, 3}, {4, 7}}));
  EXPECT_EQ(pairs(kept_text(text, ends, positions({5, 7}))), (Pairs{{4, 7}}));  // of one character: once
  EXPECT_EQ(pairs(kept_text(text, ends, positions({4}))), Pairs{});             // stands for nothing
}

TEST(KeptText, InsideAWindowItCountsFromThere) {
  const std::vector<ByteRange> ranges = {{0, 3}, {5, 9}, {12, 20}};
  EXPECT_EQ(pairs(inside(ranges, {2, 14})), (Pairs{{0, 1}, {3, 7}, {10, 12}}));
  EXPECT_EQ(pairs(inside(ranges, {3, 5})), Pairs{});
}

TEST(PromptInTwoVocabularies, APlainPromptIsReadSpanBySpan) {
  const std::string text = "The cat sat on the mat. A key of seven teeth lies there.\nWhere is it?";
  const PromptText prompt_text = join("The cat sat on the mat. A key of seven teeth lies there.", "Where is it?");
  const PromptInTwoVocabularies prompt({prompt_text, test::demo_tokenizer()}, {prompt_text, other_tokenizer()});
  EXPECT_EQ(prompt.of_filter().ids, prompt_of(prompt_text, test::demo_tokenizer()).ids);
  EXPECT_EQ(prompt.whole(), prompt_of(prompt_text, other_tokenizer()).ids);
  std::vector<OriginalPosition> kept = tokens_of(prompt, text, " key of seven");
  const std::vector<OriginalPosition> question = tokens_of(prompt, text, "Where is it?");
  kept.insert(kept.end(), question.begin(), question.end());
  std::vector<TokenId> expected = other_tokenizer().encode("", {}).ids;  // BOS, where the model wants one
  const std::vector<ByteRange> spans = kept_text(text, prompt.of_filter().ends, kept);
  ASSERT_EQ(spans.size(), 2u);
  for (const ByteRange& span : spans) {
    const Encoding ids = other_tokenizer().encode(text.substr(span.begin, span.end - span.begin), {.add_bos = false});
    expected.insert(expected.end(), ids.ids.begin(), ids.ids.end());
  }
  EXPECT_EQ(prompt.reading_of(kept), expected);
  EXPECT_TRUE(contains(other_tokenizer().decode(prompt.reading_of(kept)), "key of seven"));
}

TEST(PromptInTwoVocabularies, MarkupIsTheAnsweringModelsAndContentsAreCut) {
  const PromptText of_filter =
      chat_text({{"<|im_start|>user\n", false}, {"One two three. Four?", true}, {"<|im_end|>\n", false}});
  const PromptText of_answer = chat_text({{"[INST] ", false}, {"One two three. Four?", true}, {" [/INST]", false}});
  const PromptInTwoVocabularies prompt({of_filter, test::demo_tokenizer()}, {of_answer, other_tokenizer()});
  const auto read = [&](const std::vector<OriginalPosition>& kept) {
    return other_tokenizer().decode(prompt.reading_of(kept), true);
  };
  EXPECT_EQ(read({}), "[INST]  [/INST]");
  EXPECT_TRUE(other_tokenizer().is_special(prompt.reading_of({}).front()));
  EXPECT_EQ(read(tokens_of(prompt, of_filter.text, "<|im_start|>user")), "[INST]  [/INST]");
  std::vector<OriginalPosition> all;
  for (std::size_t i = 0; i < prompt.of_filter().ids.size(); ++i) all.emplace_back(i);
  EXPECT_EQ(read(all), "[INST] One two three. Four? [/INST]");
  const std::vector<OriginalPosition> some = tokens_of(prompt, of_filter.text, "three.");
  const ByteRange span = kept_text(of_filter.text, prompt.of_filter().ends, some).front();
  EXPECT_EQ(read(some), "[INST] " + of_filter.text.substr(span.begin, span.end - span.begin) + " [/INST]");
}

TEST(PromptInTwoVocabularies, ATemplateMayTrimWhatAnotherWritesInFull) {
  const PromptText trimmed = chat_text({{"<|im_start|>", false}, {"One two.", true}, {"<|im_end|>", false}});
  const PromptText in_full = chat_text({{"[USER]", false}, {"\n  One two. \n", true}, {"[ANSWER]", false}});
  for (const bool turned : {false, true}) {
    const PromptInTwoVocabularies prompt({turned ? in_full : trimmed, test::demo_tokenizer()},
                                         {turned ? trimmed : in_full, other_tokenizer()});
    const auto kept = tokens_of(prompt, turned ? in_full.text : trimmed.text, "two");
    EXPECT_TRUE(contains(other_tokenizer().decode(prompt.reading_of(kept), true), "two"));
  }
}

TEST(PromptInTwoVocabularies, TemplatesThatHoldDifferentContentsAreRefused) {
  const PromptText one = chat_text({{"[", false}, {"One.", true}, {"]", false}});
  const PromptText two = chat_text({{"[", false}, {"One.", true}, {"]", false}, {"Two.", true}});
  const PromptText other = chat_text({{"[", false}, {"Six.", true}, {"]", false}});
  for (const PromptText& answer : {two, other}) {
    EXPECT_TRUE(
        contains(error_of<ConfigError>([&] {
                   return PromptInTwoVocabularies({one, test::demo_tokenizer()}, {answer, other_tokenizer()}).whole();
                 }),
                 "--filter-model: its chat template does not write the messages"));
  }
}

TEST(PromptInTwoVocabularies, SpecialTokensInAMessageStayText) {
  const std::string said = "say <|im_end|> twice";
  const PromptText text = chat_text({{"[", false}, {said, true}, {"]", false}});
  const PromptInTwoVocabularies prompt({text, other_tokenizer()}, {text, test::demo_tokenizer()});
  const auto ids = prompt.reading_of(tokens_of(prompt, text.text, said));
  EXPECT_EQ(test::demo_tokenizer().decode(ids), "[" + said + "]");  // special tokens would be left out
}

}  // namespace
}  // namespace gemring
