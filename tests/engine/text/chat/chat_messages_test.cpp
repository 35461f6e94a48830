#include "engine/text/chat/chat_messages.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace gemring {
namespace {

std::string problem(std::string_view json) {
  try {
    parse_messages(json);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ChatMessages, AConversationIsRead) {
  const Conversation conversation = parse_messages(
      R"({"add_generation_prompt": true, "messages": [{"role": "user", "content": "a\u00e9\n"},
          {"content": "", "role": "assistant", "reasoning_content": "hm"}, {"role": "x", "content": "y",
          "reasoning_content": null}]})");
  EXPECT_TRUE(conversation.add_generation_prompt);
  ASSERT_EQ(conversation.messages.size(), 3u);
  EXPECT_EQ(conversation.messages[0].role, "user");
  EXPECT_EQ(conversation.messages[0].content, "a\u00e9\n");
  EXPECT_FALSE(conversation.messages[0].reasoning.has_value());
  EXPECT_EQ(conversation.messages[1].reasoning, "hm");
  EXPECT_FALSE(conversation.messages[2].reasoning.has_value());
}

TEST(ChatMessages, TheGenerationPromptIsLeftOutUnlessAskedFor) {
  EXPECT_FALSE(parse_messages(R"({"messages": []})").add_generation_prompt);
}

TEST(ChatMessages, WhatATemplateMightWantIsRefusedAndNotIgnored) {
  EXPECT_EQ(problem(R"({"messages": [], "tools": []})"),
            "messages: has the key \"tools\", which gemring does not take");
  EXPECT_EQ(problem(R"({"messages": [{"role": "user", "content": "a"}, {"role": "a", "tool_calls": []}]})"),
            "message 2: has the key \"tool_calls\", which gemring does not take");
  EXPECT_EQ(problem(R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]})"),
            "message 1: has a list as \"content\", not text");
  EXPECT_EQ(problem(R"({"messages": [{"role": "user", "content": null}]})"),
            "message 1: has null as \"content\", not text");
}

TEST(ChatMessages, WhatIsMissingTwiceThereOrOfAnotherTypeIsNamed) {
  EXPECT_EQ(problem("{}"), "messages: \"messages\" is missing");
  EXPECT_EQ(problem(R"({"messages": [{"role": "user"}]})"), "message 1: has no \"content\"");
  EXPECT_EQ(problem(R"({"messages": [{"content": "user"}]})"), "message 1: has no \"role\"");
  EXPECT_EQ(problem(R"({"messages": [{"role": "a", "role": "b", "content": ""}]})"),
            "message 1: has the key \"role\" twice");
  EXPECT_EQ(problem(R"({"messages": [], "messages": []})"), "messages: has the key \"messages\" twice");
  EXPECT_EQ(problem(R"({"messages": {}})"), "messages: has an object as \"messages\", not a list");
  EXPECT_EQ(problem(R"({"messages": ["a"]})"), "messages: holds text, not an object");
  EXPECT_EQ(problem(R"({"messages": [[]]})"), "messages: holds a list, not an object");
  EXPECT_EQ(problem(R"({"messages": [{"role": 1, "content": ""}]})"), "message 1: has a number as \"role\", not text");
  EXPECT_EQ(problem(R"({"messages": [], "add_generation_prompt": "yes"})"),
            "messages: has text as \"add_generation_prompt\", not true or false");
  EXPECT_EQ(problem("[]"), "messages: is a list, not an object");
  EXPECT_EQ(problem("\"a\""), "messages: is text, not an object");
  EXPECT_EQ(problem("null"), "messages: is null, not an object");
}

TEST(ChatMessages, PartsAreJoinedWhereAskedFor) {
  const auto parts = [](const std::string& content) {
    return parse_messages(R"({"messages": [{"role": "user", "content": )" + content + "}]}", ContentParts::joined);
  };
  const auto refused = [&](const std::string& content) -> std::string {
    try {
      parts(content);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "no error";
  };
  const ChatMessage two =
      parts(R"([{"type": "text", "text": "a book"}, {"text": "who?", "type": "text"}])").messages.at(0);
  EXPECT_EQ(two.content, "a book\nwho?");
  EXPECT_EQ(two.last_part, 7u);
  const ChatMessage one = parts(R"([{"type": "text", "text": "a"}])").messages.at(0);
  EXPECT_EQ(one.content, "a");
  EXPECT_FALSE(one.last_part.has_value());
  EXPECT_EQ(parts("[]").messages.at(0).content, "");
  EXPECT_EQ(refused(R"([{"type": "image_url", "text": "a"}])"),
            "message 1: has a part of type \"image_url\", and gemring reads text");
  EXPECT_EQ(refused(R"([{"type": "text"}])"), "message 1: has a part of \"content\" without \"type\" or \"text\"");
  EXPECT_EQ(refused(R"(["a"])"), "message 1: has text in the list \"content\", not an object");
  EXPECT_EQ(refused(R"([[]])"), "message 1: has a list in the list \"content\", not an object");
  EXPECT_EQ(refused(R"([{"type": "text", "text": 1}])"), "message 1: has a number as \"text\", not text");
  EXPECT_EQ(refused(R"([{"type": "text", "text": "a", "image_url": {}}])"),
            "message 1: has the key \"image_url\", which gemring does not take");
}

TEST(ChatMessages, BrokenJsonIsNamedWithItsPlace) {
  for (const char* broken : {"", "{", "{\"messages\": [", "{\"messages\": []} x", "{\"messages\": [\"\xff\"]}",
                             "{\"messages\": [{\"role\": \"\\ud800\", \"content\": \"\"}]}", "{'messages': []}"}) {
    EXPECT_NE(problem(broken).find("is no valid JSON from byte"), std::string::npos) << broken << problem(broken);
  }
}

TEST(ChatMessages, AZeroByteIsNotTheEnd) {
  using namespace std::string_literals;
  EXPECT_EQ(problem("{\"messages\": []}\0{}"s), "messages: hold a zero byte at byte 16");
}

TEST(ChatMessages, DeepNestingEndsWhereItBegins) {
  EXPECT_EQ(problem("{\"messages\": [" + std::string(1 << 20, '[')), "messages: holds a list, not an object");
}

}  // namespace
}  // namespace gemring
