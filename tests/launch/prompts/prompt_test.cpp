#include "launch/prompts/prompt.h"

#include <gtest/gtest.h>

#include <limits>

#include "distributed/plan/limits.h"
#include "engine/base/error.h"
#include "tests/launch/prompts/demo_tokenizer.h"

namespace gemring {
namespace {

using test::demo_tokenizer;

template <class Function>
std::string problem_of(Function&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Prompt, TheQuestionStandsOnALineOfItsOwn) {
  const PromptText text = join("a text", "who?");
  EXPECT_EQ(text.text, "a text\nwho?");
  EXPECT_EQ(text.question_begin, 7u);
}

TEST(Prompt, ANewlineAtTheEndOfThePromptIsEnough) {
  const PromptText text = join("a text\n", "who?");
  EXPECT_EQ(text.text, "a text\nwho?");
  EXPECT_EQ(text.question_begin, 7u);
}

TEST(Prompt, WithoutAQuestionThePromptStaysAsItIs) {
  const PromptText text = join("a text", std::nullopt);
  EXPECT_EQ(text.text, "a text");
  EXPECT_FALSE(text.question_begin.has_value());
}

TEST(Prompt, TheQuestionsTokensAreThoseThatEndBehindItsFirstByte) {
  const Prompt alone = prompt_of({"who?", std::nullopt}, demo_tokenizer());
  const Prompt both = prompt_of(join("a text", "who?"), demo_tokenizer());
  const auto tokens = static_cast<std::int32_t>(both.ids.size());
  const auto asked = static_cast<std::int32_t>(alone.ids.size());
  EXPECT_EQ(merged(both.forced.value().tail, tokens), (std::vector<TokenRange>{{tokens - asked, tokens}}));
  EXPECT_EQ(both.text, "a text\nwho?");
  EXPECT_EQ(both.ends.size(), both.ids.size());
}

TEST(Prompt, InvalidUtf8IsAUsageError) {
  EXPECT_THROW(prompt_of({"abc\xff", std::nullopt}, demo_tokenizer()), UsageError);
}

TEST(Prompt, AnEmptyPromptIsAUsageErrorEvenWithAQuestion) {
  PromptOptions options;
  options.text = "";
  options.question = "who?";
  EXPECT_THROW(load_prompt(options, &demo_tokenizer(), nullptr, {}), UsageError);
  EXPECT_THROW(prompt_of({"", std::nullopt}, demo_tokenizer()), UsageError);
  EXPECT_EQ(problem_of([] { parse_ids("[]", "ids.json", 10); }), "ids.json: has no token ids, so the prompt is empty");
}

TEST(Prompt, TextNeedsATokenizer) {
  PromptOptions options;
  options.text = "hello";
  EXPECT_THROW(load_prompt(options, nullptr, nullptr, {}), UsageError);
}

TEST(PromptIds, AnArrayIsTakenAsItIs) {
  EXPECT_EQ(parse_ids("[3, 0, 9]", "ids.json", 10), (std::vector<TokenId>{TokenId(3), TokenId(0), TokenId(9)}));
}

TEST(PromptIds, ThoseOfARequestNeedNoTokenizerAndFitTheVocabulary) {
  PromptOptions options;
  options.ids = "[3,0]";
  ModelConfig config;
  config.vocab = 4;
  EXPECT_EQ(load_prompt(options, nullptr, nullptr, config).ids, (std::vector<TokenId>{TokenId(3), TokenId(0)}));
  options.ids = "[3,4]";
  EXPECT_EQ(problem_of([&] { load_prompt(options, nullptr, nullptr, config); }),
            "prompt_ids: entry 1 is 4, and the vocabulary has the ids 0..3");
}

TEST(PromptIds, AnIdBeyondTheVocabularyIsNamedWithItsIndex) {
  EXPECT_EQ(problem_of([] { parse_ids("[3, 10]", "ids.json", 10); }),
            "ids.json: entry 1 is 10, and the vocabulary has the ids 0..9");
  EXPECT_EQ(problem_of([] { parse_ids("[-1]", "ids.json", 10); }),
            "ids.json: entry 0 is -1, and the vocabulary has the ids 0..9");
  EXPECT_EQ(problem_of([] { parse_ids("[18446744073709551615]", "ids.json", 10); }),
            "ids.json: entry 0 is 18446744073709551615, and the vocabulary has the ids 0..9");
}

TEST(PromptIds, WhatIsNoWholeNumberIsRefused) {
  EXPECT_EQ(problem_of([] { parse_ids("[1, \"a\"]", "ids.json", 10); }), "ids.json: entry 1 is \"a\", not a token id");
  EXPECT_EQ(problem_of([] { parse_ids("[1.5]", "ids.json", 10); }), "ids.json: entry 0 is 1.5, not a token id");
  EXPECT_EQ(problem_of([] { parse_ids("{\"a\": 1}", "ids.json", 10); }), "ids.json: is no JSON array");
  EXPECT_TRUE(problem_of([] { parse_ids("[1, 2", "ids.json", 10); }).starts_with("ids.json: is not valid JSON: "));
  for (const int levels : {65, 100'000}) {
    const std::string deep(static_cast<std::size_t>(levels), '[');
    const std::string closed = deep + std::string(static_cast<std::size_t>(levels), ']');
    for (const std::string& text : {deep, closed, "[1," + closed + "]"}) {
      EXPECT_EQ(problem_of([&] { parse_ids(text, "ids.json", 10); }), "ids.json: is nested deeper than 64 levels");
    }
  }
  EXPECT_EQ(problem_of([] { parse_ids("[[1]]", "ids.json", 10); }), "ids.json: entry 0 is [1], not a token id");
}

TEST(PromptLength, AFullPassNeedsPromptAndNewTokens) {
  FilterOptions full;
  full.method = Method::full;
  EXPECT_EQ(problem_of([&] { check_length(90, full, {}, 10, 100, false); }), "no error");
  EXPECT_EQ(problem_of([&] { check_length(91, full, {}, 10, 100, false); }),
            "prompt: 91 prompt tokens and --max-new-tokens 10 need 101 positions, the model's limit is 100");
  EXPECT_EQ(problem_of([&] { check_length(2000, full, {}, 10, 1000, false); }),
            "prompt: has 2,000 tokens, the model's limit is 1,000 positions");
}

TEST(PromptLength, NoModelsLimitAllowsMoreThanPositionsCanCount) {
  constexpr std::int32_t kLargest = std::numeric_limits<std::int32_t>::max();
  FilterOptions full;
  full.method = Method::full;
  EXPECT_EQ(problem_of([&] { check_length(kMostTokens - 10, full, {}, 10, kLargest, false); }), "no error");
  for (const std::int32_t answer : {11, kLargest}) {
    EXPECT_TRUE(problem_of([&] {
                  check_length(kMostTokens - 10, full, {}, answer, kLargest, true);
                }).ends_with("are more than 1,000,000,000 together"));
  }
}

TEST(PromptLength, AFilteredPassNeedsThePromptThenTheKeptAndNewTokens) {
  const FilterOptions filter;
  EXPECT_EQ(problem_of([&] { check_length(100, filter, {.keep = 20}, 80, 100, false); }), "no error");
  EXPECT_EQ(problem_of([&] { check_length(100, filter, {.keep = 20}, 81, 100, false); }),
            "prompt: 20 kept tokens and --max-new-tokens 81 need 101 positions, the model's limit is 100");
  EXPECT_EQ(problem_of([&] { check_length(101, filter, {.keep = 20}, 1, 100, false); }),
            "prompt: has 101 tokens, the model's limit is 100 positions (the filter pass reads all of them; the "
            "compressed prefill needs 21)");
}

TEST(PromptLength, WithAFilterModelThePromptNeedsItsPositionsAndTheAnswerTheOthers) {
  const FilterOptions filter;
  const ModelPositions long_filter(100, 1000);
  EXPECT_EQ(problem_of([&] { check_length(1000, filter, {.keep = 20}, 80, long_filter, false); }), "no error");
  EXPECT_EQ(problem_of([&] { check_length(1000, filter, {.keep = 20}, 81, long_filter, false); }),
            "prompt: 20 kept tokens and --max-new-tokens 81 need 101 positions, the model's limit is 100");
  EXPECT_EQ(problem_of([&] { check_length(1001, filter, {.keep = 20}, 80, long_filter, false); }),
            "prompt: has 1,001 tokens, the filter model's limit is 1,000 positions (the filter pass reads all of them; "
            "the compressed prefill needs 100)");
  // Where everything is kept nothing filters.
  EXPECT_EQ(problem_of([&] { check_length(60, filter, {.keep = 60}, 40, ModelPositions(100, 50), false); }),
            "no error");
}

TEST(PromptLength, ExtrapolationIsAllowedWhereAskedFor) {
  EXPECT_EQ(problem_of([] { check_length(101, FilterOptions{}, {.keep = 20}, 200, 100, true); }), "no error");
}

TEST(PromptLength, WhereEverythingIsKeptThePromptCounts) {
  const FilterOptions filter;
  EXPECT_EQ(problem_of([&] { check_length(50, filter, {.keep = 1024}, 51, 100, false); }),
            "prompt: 50 prompt tokens and --max-new-tokens 51 need 101 positions, the model's limit is 100");
}

}  // namespace
}  // namespace gemring
