// The rules of the chat formats that take more than a loop, by templates written for these tests where the format is
// read from the template's shape, else by published ones from GEMRING_SHARED_DATA.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "engine/base/error.h"
#include "engine/text/chat/chat_template.h"

namespace gemring {
namespace {

/// Skips where the templates are not there.
class ChatFormats : public testing::Test {
 protected:
  void SetUp() override {
    const char* const shared = std::getenv("GEMRING_SHARED_DATA");
    if (shared == nullptr) GTEST_SKIP() << "GEMRING_SHARED_DATA is not set: no published templates";
    folder_ = std::string(shared) + "/chat-templates/";
  }

  ChatTemplate load(const std::string& name) const {
    std::ifstream file(folder_ + name + ".jinja");
    std::ostringstream text;
    text << file.rdbuf();
    return ChatTemplate({name, std::move(text).str(), "<s>", "</s>"});
  }

  std::string render(const std::string& name, std::vector<ChatMessage> messages, bool prompt = false) const {
    try {
      return load(name).render({std::move(messages), prompt}, CalendarDate{2025, 1, 2}).text;
    } catch (const UsageError& error) {
      return error.text().problem;
    }
  }

  std::string folder_;
};

TEST_F(ChatFormats, ATemplateThatReadsTheFirstMessageWantsOne) {
  for (const char* name : {"Qwen-Qwen3-0.6B", "google-gemma-2-2b-it", "meta-llama-Llama-3.1-8B-Instruct"}) {
    EXPECT_EQ(render(name, {}), "refuses the conversation: there are no messages (list object has no element 0)")
        << name;
  }
  EXPECT_EQ(render("microsoft-Phi-3.5-mini-instruct", {}), "</s>");
}

TEST_F(ChatFormats, Llama3TrimsUnicodeSpacesAndWritesToolAnswersAsJson) {
  EXPECT_EQ(render("meta-llama-Llama-3.1-8B-Instruct",
                   {{"system", "\u3000s\n", {}}, {"user", "\u00a0\x1c u \u2028", {}}, {"tool", " \"x\"\n\u00e9", {}}}),
            "<s><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
            "Today Date: 02 Jan 2025\n\ns<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nu<|eot_id|>"
            "<|start_header_id|>ipython<|end_header_id|>\n\n\" \\\"x\\\"\\n\u00e9\"<|eot_id|>");
}

TEST_F(ChatFormats, Llama31HasADateOfItsOwnWhereNoneIsGiven) {
  const std::string text = load("meta-llama-Llama-3.1-8B-Instruct").render({{{"user", "u", {}}}, false}).text;
  EXPECT_NE(text.find("Today Date: 26 Jul 2024\n"), std::string::npos) << text;
  const std::string today = load("meta-llama-Llama-3.2-3B-Instruct").render({{{"user", "u", {}}}, false}).text;
  EXPECT_EQ(today.find("26 Jul 2024"), std::string::npos) << today;
}

TEST_F(ChatFormats, Qwen3KeepsThoughtsBehindTheLastQuestionOnly) {
  const std::vector<ChatMessage> messages = {{"user", "q", {}},
                                             {"assistant", "<think>\nold\n</think>\n\na", {}},
                                             {"user", "r", {}},
                                             {"assistant", "<think>new</think>b", {}}};
  EXPECT_EQ(render("Qwen-Qwen3-0.6B", messages),
            "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n<|im_start|>user\nr<|im_end|>\n"
            "<|im_start|>assistant\n<think>\nnew\n</think>\n\nb<|im_end|>\n");
  EXPECT_EQ(render("Qwen-Qwen3-0.6B", {{"user", "q", {}}, {"assistant", "\na", "\nhm\n"}}),
            "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n<think>\nhm\n</think>\n\na<|im_end|>\n");
}

TEST_F(ChatFormats, QwenPutsToolAnswersThatFollowEachOtherIntoOneTurn) {
  EXPECT_EQ(render("Qwen-Qwen3-0.6B", {{"tool", "1", {}}, {"tool", "2", {}}, {"system", "s", {}}}),
            "<|im_start|>user\n<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response><|im_end|>\n"
            "<|im_start|>system\ns<|im_end|>\n");
}

TEST_F(ChatFormats, MistralPutsTheSystemMessageIntoTheLastQuestion) {
  EXPECT_EQ(render("mistralai-Mistral-Nemo-Instruct-2407",
                   {{"system", "s", {}}, {"user", "a", {}}, {"assistant", " b ", {}}, {"user", "c", {}}}),
            "<s>[INST]a[/INST] b </s>[INST]s\n\nc[/INST]");
  EXPECT_EQ(render("mistralai-Mistral-Nemo-Instruct-2407", {{"user", "a", {}}, {"bot", "b", {}}}),
            "refuses the conversation: Only user and assistant roles are supported, with the exception of an initial "
            "optional system message!");
}

TEST_F(ChatFormats, GraniteOpensNoTurnBehindASystemMessageAlone) {
  EXPECT_EQ(render("ibm-granite-granite-3.3-2B-Instruct", {{"system", "s", {}}}, true),
            "<|start_of_role|>system<|end_of_role|>s<|end_of_text|>\n");
  EXPECT_NE(render("ibm-granite-granite-3.3-2B-Instruct", {{"user", "u", {}}}).find("Today's Date: January 02, 2025."),
            std::string::npos);
}

TEST_F(ChatFormats, DeepseekDropsThoughtsAndPutsTheLastSystemMessageInFront) {
  EXPECT_EQ(
      render("deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
             {{"system", "1", {}}, {"user", "u", {}}, {"assistant", "hm</think>\na", {}}, {"system", "2", {}}}, true),
      "<s>2<｜User｜>u<｜Assistant｜>\na<｜end▁of▁sentence｜><｜Assistant｜><think>\n");
}

TEST_F(ChatFormats, TheGenerationPromptIsNeverLiteral) {
  for (const char* name :
       {"HuggingFaceTB-SmolLM3-3B", "Qwen-Qwen2.5-7B-Instruct", "Qwen-Qwen3-0.6B",
        "deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "google-gemma-2-2b-it", "ibm-granite-granite-3.3-2B-Instruct",
        "meta-llama-Llama-3.1-8B-Instruct", "meta-llama-Llama-3.2-3B-Instruct", "microsoft-Phi-3.5-mini-instruct",
        "mistralai-Mistral-Nemo-Instruct-2407"}) {
    const RenderedChat chat = load(name).render({{{"user", "u <s> u", {}}}, true});
    ASSERT_FALSE(chat.literal.empty()) << name;
    const ByteRange last = chat.literal.back();
    EXPECT_EQ(chat.text.substr(last.begin, last.end - last.begin), "u <s> u") << name;
  }
}

}  // namespace
}  // namespace gemring
