#include "launch/calibrate/calibration_prompts.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

const Tokenizer& demo_tokenizer() {
  static const Tokenizer tokenizer = Tokenizer::load(GEMRING_DEMO_MODEL);
  return tokenizer;
}

std::string answer_text(const CalibrationPrompt& prompt) {
  std::vector<TokenId> ids;
  for (const OriginalPosition position : prompt.answer) ids.push_back(prompt.ids[position.index()]);
  return demo_tokenizer().decode(ids);
}

TEST(CalibrationPrompts, AnswersAreTheTokensThatHaveAnyPartOfThem) {
  const std::string text(bundled_text());
  const CalibrationPrompts prompts(demo_tokenizer(), nullptr, text);
  for (const NeedleKind kind : kNeedleKinds) {
    for (std::uint64_t seed = 1; seed < 6; ++seed) {
      const CalibrationPrompt prompt = prompts.make(kind, 1024, seed);
      EXPECT_NEAR(static_cast<double>(prompt.ids.size()), 1024, 160) << prompt.kind;
      EXPECT_TRUE(std::is_sorted(prompt.answer.begin(), prompt.answer.end()));
      EXPECT_LT(prompt.answer.size(), 80u);
      EXPECT_FALSE(prompt.answer.empty());
    }
  }
  const Needle needle{.kind = "own",
                      .text = "Her cat is Dinah. Nobody else is.",
                      .question = "Who is her cat?",
                      .facts = {"Dinah"},
                      .answers = {"Dinah"}};
  EXPECT_NE(answer_text(prompts.make(needle)).find("Dinah"), std::string::npos);
}

TEST(CalibrationPrompts, TextsOfAnyLanguageAndLengthAreCutAtWholeCharacters) {
  const std::string text = "Ein Käfer läuft über die Brücke. 猫は窓のそばで眠っている。";
  const CalibrationPrompts prompts(demo_tokenizer(), nullptr, text);
  for (std::uint64_t seed = 0; seed < 60; ++seed) EXPECT_NO_THROW(prompts.make(NeedleKind::number, 300, seed)) << seed;
}

TEST(CalibrationPrompts, TextsOfADirectoryAreReadInTheOrderOfTheirNames) {
  const test::TemporaryDirectory directory;
  EXPECT_THROW(read_texts(directory.file("")), UsageError) << "no text";
  EXPECT_THROW(read_texts(directory.file("missing")), UsageError);
  directory.write("b.txt", "second");
  directory.write("a.txt", "first");
  directory.write("c.md", "not this");
  EXPECT_EQ(read_texts(directory.file("")), "first\nsecond\n");
}

std::string problem_of(const std::string& lines) {
  try {
    read_questions(lines, "q.jsonl");
  } catch (const UsageError& error) {
    return error.what();
  }
  return "none";
}

TEST(Questions, AreLinesWithATextAQuestionAndAnAnswerThatStandsInIt) {
  const std::string good = R"({"text": "It is red.", "question": "What colour?", "answer": "red"})";
  const std::vector<Needle> needles = read_questions(good + "\n\n" + good + "\n", "q.jsonl");
  ASSERT_EQ(needles.size(), 2u);
  EXPECT_EQ(needles[0].question, "What colour?");
  EXPECT_EQ(needles[0].answers, std::vector<std::string>{"red"});
  EXPECT_EQ(problem_of(good), "q.jsonl: has 1 questions");
  const std::vector<Needle> book =
      read_questions(R"({"question": "Which?", "answers": ["red", "rosy"], "passage": "is red"})", "q",
                     {.least = 1, .text = "red is red"});
  EXPECT_EQ(book.at(0).text, "red is red");
  EXPECT_EQ(book.at(0).facts, std::vector<std::string>{"is red"});
  EXPECT_EQ(book.at(0).answers, std::vector<std::string>{"red"});
  EXPECT_EQ(book.at(0).accepted, (std::vector<std::string>{"red", "rosy"}));
  EXPECT_EQ(problem_of(R"({"text": "It is red.", "question": "?", "answer": "red", "passage": "was red"})"),
            "q.jsonl, line 1: the passage 'was red' does not stand in its text");
  EXPECT_EQ(problem_of(R"({"text": "It is red.", "question": "?", "answers": []})"),
            "q.jsonl, line 1: \"answers\" is no list of texts by itself");
  EXPECT_EQ(problem_of(good + "\n[]"), "q.jsonl, line 2: is no JSON object");
  EXPECT_EQ(problem_of(good + "\n" + R"({"text": "It is red.", "question": "?"})"),
            "q.jsonl, line 2: gives no \"answer\"");
  EXPECT_EQ(problem_of(R"({"text": "It is red.", "question": "?", "answer": "blue"})"),
            "q.jsonl, line 1: the answer 'blue' does not stand in its text");
  EXPECT_EQ(problem_of(R"({"txt": "It is red.", "question": "?", "answer": "red"})"),
            "q.jsonl, line 1: \"txt\" is no field of a question");
}

}  // namespace
}  // namespace gemring
