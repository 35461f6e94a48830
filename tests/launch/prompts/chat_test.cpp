#include "launch/prompts/chat.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/base/error.h"
#include "tests/launch/prompts/demo_tokenizer.h"

namespace gemring {
namespace {

using test::demo_tokenizer;

const ChatTemplate& demo_template() {
  static const ChatTemplate chat = open_chat_template(GEMRING_DEMO_MODEL, {});
  return chat;
}

TEST(ChatPrompt, TheQuestionGoesIntoTheUsersMessageOnALineOfItsOwn) {
  ChatOptions options;
  options.system = "s";
  options.answer_prefix = "It is";
  const PromptText prompt = chat_prompt(demo_template(), options, "a text", "who?");
  EXPECT_EQ(prompt.text,
            "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\na text\nwho?<|im_end|>\n<|im_start|>assistant\nIt is");
  EXPECT_EQ(prompt.question_begin, prompt.text.find("who?"));
  EXPECT_FALSE(prompt.adds_special_tokens);
}

TEST(ChatPrompt, ANewlineAtTheEndOfTheUsersTextIsEnough) {
  EXPECT_EQ(chat_prompt(demo_template(), {}, "a\n", "b").text,
            "<|im_start|>user\na\nb<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(chat_prompt(demo_template(), {}, "", "b").text, "<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatPrompt, WithoutAQuestionNothingIsKnownOfIt) {
  EXPECT_FALSE(chat_prompt(demo_template(), {}, "a", std::nullopt).question_begin.has_value());
  EXPECT_FALSE(chat_prompt(demo_template(), {}, "a", "").question_begin.has_value());
}

TEST(ChatPrompt, QuestionTailAndAnswerPrefixAreTheQuestionsTokens) {
  ChatOptions options;
  options.answer_prefix = "The answer is";
  const Prompt prompt = prompt_of(chat_prompt(demo_template(), options, "A long text.", "who?"), demo_tokenizer());
  const auto tail = demo_tokenizer().encode("who?<|im_end|>\n<|im_start|>assistant\nThe answer is").ids;
  const auto tokens = static_cast<std::int32_t>(prompt.ids.size());
  EXPECT_EQ(merged(prompt.forced.value().tail, tokens),
            (std::vector<TokenRange>{{tokens - static_cast<std::int32_t>(tail.size()), tokens}}));
  EXPECT_TRUE(std::equal(tail.rbegin(), tail.rend(), prompt.ids.rbegin()));
}

PromptText messages(const std::string& json, const std::optional<std::string>& question = std::nullopt) {
  PromptOptions options;
  options.chat.messages = json;
  return messages_prompt(demo_template(), options, question);
}

std::string messages_problem(const std::string& json, PromptOptions options = {}) {
  options.chat.messages = json;
  try {
    messages_prompt(demo_template(), options, std::nullopt);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage) << error.what();
    return error.what();
  }
  return "none";
}

constexpr const char* kTurns = R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
                                   {"role": "user", "content": "why?"}])";

TEST(MessagesPrompt, WhatEachMessageGaveIsNoted) {
  const PromptText prompt = messages(kTurns);
  EXPECT_EQ(prompt.text,
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
            "<|im_start|>user\nwhy?<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_FALSE(prompt.question_begin.has_value());
  ASSERT_EQ(prompt.messages.size(), 3u);
  const MessagePart& last = prompt.messages.back();
  EXPECT_EQ(last.message, 2u);
  EXPECT_EQ(prompt.text.substr(last.bytes.begin, last.bytes.end - last.bytes.begin), "why?");
  EXPECT_EQ(messages(std::string(R"({"messages": )") + kTurns + "}").text, prompt.text);
}

TEST(MessagesPrompt, TheLastOfSeveralPartsIsTheQuestion) {
  const char* const parts =
      R"([{"role": "user", "content": [{"type": "text", "text": "a book"}, {"type": "text", "text": "who?"}]}])";
  const PromptText prompt = messages(parts);
  EXPECT_EQ(prompt.text, "<|im_start|>user\na book\nwho?<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(prompt.question_begin, prompt.text.find("who?"));
  EXPECT_EQ(messages(parts, "why?").question_begin, messages(parts, "why?").text.find("why?"));
}

TEST(MessagesPrompt, OneMessageAloneIsTheTextAndAQuestionGoesBehindIt) {
  const char* const one = R"([{"role": "user", "content": "a long text"}])";
  EXPECT_FALSE(messages(one).question_begin.has_value());
  EXPECT_EQ(messages(one).text, chat_prompt(demo_template(), {}, "a long text", std::nullopt).text);
  EXPECT_EQ(messages(one, "who?").text, chat_prompt(demo_template(), {}, "a long text", "who?").text);
  EXPECT_EQ(messages(one, "who?").question_begin,
            chat_prompt(demo_template(), {}, "a long text", "who?").question_begin);
}

TEST(MessagesPrompt, WhatIsNoConversationToAnswerIsRefused) {
  EXPECT_NE(messages_problem("[").find("messages: "), std::string::npos);
  EXPECT_NE(messages_problem("[]").find("does not end with a message of the user"), std::string::npos);
  EXPECT_NE(messages_problem(R"([{"role": "assistant", "content": "b"}])").find("does not end"), std::string::npos);
  EXPECT_NE(messages_problem(std::string(100000, '[')), "none");
  PromptOptions system;
  system.chat.system = "s";
  EXPECT_NE(messages_problem(R"([{"role": "system", "content": "s"}, {"role": "user", "content": "a"}])", system)
                .find("--system"),
            std::string::npos);
}

TEST(ChatPrompt, ATemplateThatTrimsLeavesTheQuestionFindable) {
  const ChatTemplate trims({"own",
                            "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + "
                            "message['content'] | trim + '<|im_end|>\n' }}{% endfor %}",
                            std::nullopt, std::nullopt});
  const PromptText prompt = chat_prompt(trims, {}, " a", "b \n");
  EXPECT_EQ(prompt.text, "<|im_start|>user\na\nb<|im_end|>\n");
  EXPECT_EQ(prompt.question_begin, prompt.text.find('b'));
  const PromptText alone = chat_prompt(trims, {}, "", " b ");
  EXPECT_EQ(alone.text, "<|im_start|>user\nb<|im_end|>\n");
  EXPECT_EQ(alone.question_begin, alone.text.find('b'));
}

TEST(ChatPrompt, NoUserClosesATurn) {
  ChatOptions options;
  options.system = "<|im_end|>";
  options.answer_prefix = "<|im_end|>";
  const Prompt prompt =
      prompt_of(chat_prompt(demo_template(), options, "a<|im_end|>b", "<|im_end|>"), demo_tokenizer());
  const TokenId end = demo_tokenizer().encode("<|im_end|>").ids.at(0);
  EXPECT_EQ(std::count(prompt.ids.begin(), prompt.ids.end(), end), 2);  // of the system's and of the user's turn
  EXPECT_EQ(demo_tokenizer().decode(prompt.ids, true),
            "<|im_start|>system\n<|im_end|><|im_end|>\n<|im_start|>user\na<|im_end|>b\n<|im_end|><|im_end|>\n"
            "<|im_start|>assistant\n<|im_end|>");
}

TEST(ChatPrompt, TheTemplatesEndTokenEndsTheAnswer) {
  const auto ids = demo_tokenizer().encode("<|im_end|>").ids;
  EXPECT_EQ(chat_end_tokens(demo_template(), demo_tokenizer()), (std::vector<std::int32_t>{ids.at(0).value()}));
  const ChatTemplate other({"own",
                            "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + "
                            "message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n{{ "
                            "'<|system|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == "
                            "'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif "
                            "%}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif "
                            "%}\n{% endfor %}",
                            std::nullopt, "no token of the demo's"});
  EXPECT_TRUE(chat_end_tokens(other, demo_tokenizer()).empty());
}

TEST(ChatPrompt, ATemplateFileReplacesTheModels) {
  ChatOptions options;
  options.template_file = testing::TempDir() + "chat_test.jinja";
  std::FILE* const file = std::fopen(options.template_file->c_str(), "w");
  std::fputs("unknown", file);
  std::fclose(file);
  EXPECT_THROW(open_chat_template(GEMRING_DEMO_MODEL, options), ConfigError);
  std::remove(options.template_file->c_str());
  EXPECT_THROW(open_chat_template(GEMRING_DEMO_MODEL, options), UsageError);
}

}  // namespace
}  // namespace gemring
