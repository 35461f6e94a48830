#include "launch/eval/question_task.h"

#include <gtest/gtest.h>

#include "launch/calibrate/calibration_prompts.h"

namespace gemring {
namespace {

constexpr const char* kLine =
    R"({"text": "a b c\n d  The key is red. e f g h", "question": "Which key?", "answers": ["red", "rosy"], )"
    R"("passage": "key is red."})";

EvalCase ask(std::size_t amount, double depth) {
  static const EvalTask task = question_task(read_questions(kLine, "q", {.least = 1, .text = {}}));
  return task.make({.length = 300, .depth = depth, .sample = 0, .seed = 1, .amount = amount});
}

std::string text_between(const EvalCase& one) {
  const std::size_t begin = one.context.find("given text.\n\n") + 13;
  return one.context.substr(begin, one.context.size() - 1 - begin);
}

TEST(QuestionTask, CutsThePassageOutOfItsTextAtADepth) {
  EXPECT_EQ(text_between(ask(0, 0.5)), "key is red.");
  EXPECT_EQ(text_between(ask(4, 0.5)), "d The key is red. e f");
  EXPECT_EQ(text_between(ask(4, 0)), "key is red. e f g h");
  EXPECT_EQ(text_between(ask(4, 1)), "b c d The key is red.");
  EXPECT_EQ(text_between(ask(7, 0)), "c d The key is red. e f g h") << "the text ends, so more stands before";
  EXPECT_EQ(text_between(ask(1000, 0.3)), "a b c d The key is red. e f g h");
}

TEST(QuestionTask, AsksInRulersWords) {
  const EvalCase one = ask(4, 0.5);
  EXPECT_EQ(one.question,
            "Answer the question based on the given text. Only give me the answer and do not output any other "
            "words.\n\nQuestion: Which key?");
  EXPECT_EQ(one.answer_prefix, "Answer:");
  EXPECT_EQ(one.answers, (std::vector<std::string>{"red", "rosy"}));
  EXPECT_EQ(one.context.substr(one.places.at(0).begin, 3), "red");
}

TEST(QuestionTask, TheBundledQuestionsStandInTheBundledBook) {
  const std::string book = one_spaced(bundled_text());
  const std::vector<Needle> questions =
      read_questions(std::string(bundled_questions()), "bundled", {.least = 20, .text = book});
  const EvalTask task = question_task(questions);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const std::string& passage = questions[i].facts.at(0);
    EXPECT_EQ(book.find(passage), book.rfind(passage)) << passage << ": which of the two is meant?";
    const EvalCase one =
        task.make({.length = 0, .depth = 0.5, .sample = static_cast<std::int32_t>(i), .seed = 1, .amount = 20});
    EXPECT_EQ(score_of(one.context, one.answers, true), 1) << passage;
    EXPECT_LT(questions[i].answers.at(0).size(), 30u);
  }
}

}  // namespace
}  // namespace gemring
