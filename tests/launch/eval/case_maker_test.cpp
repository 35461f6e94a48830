#include "launch/eval/case_maker.h"

#include <gtest/gtest.h>

#include "launch/calibrate/calibration_prompts.h"
#include "launch/prompts/chat.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

const Tokenizer& demo_tokenizer() {
  static const Tokenizer tokenizer = Tokenizer::load(GEMRING_DEMO_MODEL);
  return tokenizer;
}

const ChatTemplate& demo_chat() {
  static const ChatTemplate chat = open_chat_template(GEMRING_DEMO_MODEL, {});
  return chat;
}

const std::vector<EvalTask>& tasks() {
  static const Hay kHay(bundled_text());
  static const std::vector<EvalTask> kTasks = ruler_tasks(kHay);
  return kTasks;
}

std::string text_of(const FittedCase& made) {
  std::vector<TokenId> ids;
  for (const OriginalPosition position : made.answer_tokens) ids.push_back(made.prompt.ids[position.index()]);
  return demo_tokenizer().decode(ids);
}

/// Tokens from the question's first on.
std::int32_t forced_at_the_end(const FittedCase& made) {
  const auto all = static_cast<std::int32_t>(made.prompt.ids.size());
  return all - merged(made.prompt.forced->tail, all).back().begin;
}

TEST(CaseMaker, PromptAndAnswerFillTheirLengthAndNeverMore) {
  const CaseMaker plain(demo_tokenizer(), nullptr), chat(demo_tokenizer(), &demo_chat());
  for (const EvalTask& task : tasks()) {
    for (const std::int32_t length : {2048, 3001, 5000}) {
      for (const CaseMaker* maker : {&plain, &chat}) {
        const CaseShape shape{.length = length, .depth = 0.3, .sample = 0, .seed = 5, .amount = 0};
        if (task.name == "cwe" && length == 5000) continue;  // thirty times each word are more
        const FittedCase made = maker->make(task, shape, task.max_new_tokens);
        const auto tokens = static_cast<std::int32_t>(made.prompt.ids.size()) + task.max_new_tokens;
        EXPECT_LE(tokens, length) << task.name;
        EXPECT_GE(tokens, length - 100) << task.name;
        EXPECT_FALSE(made.answer_tokens.empty()) << task.name;
        ASSERT_TRUE(made.prompt.forced) << task.name;
        EXPECT_GT(forced_at_the_end(made), 10) << task.name;
        EXPECT_LT(made.answer_tokens.back().value(), tokens - task.max_new_tokens - forced_at_the_end(made));
        for (const std::string& answer : made.content.answers) {
          EXPECT_NE(text_of(made).find(answer), std::string::npos) << task.name << ": " << text_of(made);
        }
      }
    }
  }
}

TEST(CaseMaker, WithoutATemplateTheAnswerBeginsBehindTheQuestion) {
  const CaseShape shape{.length = 600, .depth = 0, .sample = 0, .seed = 5, .amount = 0};
  const FittedCase plain = CaseMaker(demo_tokenizer(), nullptr).make(tasks().at(1), shape, 128);
  const std::string end = plain.content.question + " " + plain.content.answer_prefix;
  EXPECT_TRUE(demo_tokenizer().decode(plain.prompt.ids).ends_with(end));
  const FittedCase chat = CaseMaker(demo_tokenizer(), &demo_chat()).make(tasks().at(1), shape, 128);
  EXPECT_TRUE(demo_tokenizer().decode(chat.prompt.ids, true).ends_with("assistant\n" + chat.content.answer_prefix));
}

TEST(CaseMaker, ATaskThatIsLongerThanItsLengthIsRefused) {
  const CaseShape shape{.length = 256, .depth = 0, .sample = 0, .seed = 5, .amount = 0};
  const std::string said =
      test::error_of<UsageError>([&] { CaseMaker(demo_tokenizer(), nullptr).make(tasks().at(7), shape, 128); });
  EXPECT_TRUE(
      said.starts_with("--lengths: 256 tokens are too few for niah_multiquery: without any text its prompt has "))
      << said;
}

}  // namespace
}  // namespace gemring
