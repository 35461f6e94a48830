#include "launch/serve/api/api_request.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "launch/requests/request_line.h"
#include "launch/serve/api/api_problem.h"

namespace gemring {
namespace {

using nlohmann::json;

json line_of_chat(const std::string& fields) {
  return json::parse(chat_request(R"({"messages": [{"role": "user", "content": "Hi"}])" + fields + "}").lines.at(0));
}

/// The field that a refusal names.
std::string refused(const std::string& fields) {
  try {
    line_of_chat(fields);
  } catch (const ApiFailure& failure) {
    EXPECT_EQ(failure.problem().status, 400);
    return failure.problem().param.value_or("no field");
  }
  return "none";
}

TEST(ApiRequest, FieldsBecomeThoseOfARequestLine) {
  const json line = line_of_chat(
      R"(, "max_completion_tokens": 5, "temperature": 0.5, "top_p": 0.9, "top_k": -1, "seed": 3, "stop": ["a"],
         "frequency_penalty": 0.1, "repetition_penalty": 1.1, "gemring": {"question": "Who?", "keep": 64}, "user": "x",
         "n": null)");
  EXPECT_EQ(line,
            json::parse(R"({"messages": [{"role": "user", "content": "Hi"}], "max_new_tokens": 5, "temperature": 0.5,
      "top_p": 0.9, "top_k": 0, "seed": 3, "stop": ["a"], "frequency_penalty": 0.1, "repeat_penalty": 1.1,
      "question": "Who?", "keep": 64})"));
  RequestLine read;
  read.prompt.chat.on = true;
  read_request_line(line.dump(), read);
  EXPECT_EQ(read.generate.max_new_tokens, 5);
  EXPECT_EQ(read.filter.selection.keep, 64);
}

TEST(ApiRequest, MessagesAreTextsOfFourRoles) {
  const ApiRequest request = chat_request(R"({"messages": [
      {"role": "developer", "content": "Be short.", "name": "d"},
      {"role": "user", "content": [{"type": "text", "text": "A"}, {"type": "input_text", "text": "B"}]},
      {"role": "assistant", "content": null, "tool_calls": [], "reasoning": "hm", "refusal": null},
      {"role": "user", "content": "C"}], "stream": true, "stream_options": {"include_usage": true}, "model": "m"})");
  EXPECT_EQ(json::parse(request.lines.at(0)), json::parse(R"({"messages": [
      {"role": "system", "content": "Be short."},
      {"role": "user", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]},
      {"role": "assistant", "content": "", "reasoning_content": "hm"}, {"role": "user", "content": "C"}]})"));
  EXPECT_TRUE(request.stream && request.include_usage && request.is_chat() && !request.gives_max_tokens);
  EXPECT_EQ(request.model, "m");
}

TEST(ApiRequest, NoFieldOfARequestNamesAFile) {
  const json line = line_of_chat(R"(, "prompt_file": "/etc/passwd", "messages_file": "/etc/passwd")");
  EXPECT_EQ(line.size(), 1U);
  EXPECT_EQ(refused(R"(, "gemring": {"prompt_file": "/etc/passwd"})"), "gemring.prompt_file");
  const ApiRequest completion = completion_request(R"({"prompt": "a", "prompt_file": "/etc/passwd", "suffix": ""})");
  EXPECT_EQ(completion.lines.at(0), R"({"prompt":"a"})");
}

TEST(ApiRequest, WhatIsNotThereIsRefusedAndWhatAsksForNothingPasses) {
  EXPECT_EQ(refused(R"(, "tools": [{}])"), "tools");
  EXPECT_EQ(refused(R"(, "tools": [], "functions": null)"), "none");
  EXPECT_EQ(refused(R"(, "n": 2)"), "n");
  EXPECT_EQ(refused(R"(, "n": 1.5)"), "n");
  EXPECT_EQ(refused(R"(, "response_format": {"type": "json_schema"})"), "response_format");
  EXPECT_EQ(refused(R"(, "response_format": {"type": "text"})"), "none");
  EXPECT_EQ(refused(R"(, "logit_bias": {"5": 1})"), "logit_bias");
  EXPECT_EQ(refused(R"(, "tool_choice": "required")"), "tool_choice");
  EXPECT_EQ(refused(R"(, "stream": "yes")"), "stream");
  EXPECT_EQ(refused(R"(, "gemring": {"method": "h2o"})"), "gemring.method");
  EXPECT_EQ(refused(R"(, "gemring": [])"), "gemring");
  EXPECT_EQ(refused(R"(, "chat_template_kwargs": {"enable_thinking": true})"), "none");
}

TEST(ApiRequest, PromptsAreTextsOrIdsOneOrMany) {
  const auto lines = [](const std::string& prompt) {
    return completion_request(R"({"prompt": )" + prompt + "}").lines;
  };
  EXPECT_EQ(lines(R"("a")"), (std::vector<std::string>{R"({"prompt":"a"})"}));
  EXPECT_EQ(lines("[1, 2]"), (std::vector<std::string>{R"({"prompt_ids":[1,2]})"}));
  EXPECT_EQ(lines(R"(["a", "b"])"), (std::vector<std::string>{R"({"prompt":"a"})", R"({"prompt":"b"})"}));
  EXPECT_EQ(lines("[[1], [2]]"), (std::vector<std::string>{R"({"prompt_ids":[1]})", R"({"prompt_ids":[2]})"}));
  EXPECT_THROW(lines("[]"), ApiFailure);
  EXPECT_THROW(lines("null"), ApiFailure);
}

TEST(ApiRequest, MessagesAndResponsesBecomeChatsToo) {
  const ApiRequest messages = messages_request(R"({"model": "m", "max_tokens": 5, "stop_sequences": ["END"],
      "system": [{"type": "text", "text": "Be short."}], "messages": [{"role": "user", "content": "Hi"}],
      "thinking": {"type": "disabled"}, "tool_choice": {"type": "auto"}, "metadata": {"user_id": "x"}})");
  EXPECT_EQ(json::parse(messages.lines.at(0)), json::parse(R"({"max_new_tokens": 5, "stop": ["END"], "messages": [
      {"role": "system", "content": [{"type": "text", "text": "Be short."}]}, {"role": "user", "content": "Hi"}]})"));
  EXPECT_EQ(messages.kind, ApiKind::messages);
  EXPECT_THROW(messages_request(R"({"messages": [{"role": "user", "content": "Hi"}]})"), ApiFailure);
  EXPECT_EQ(messages_to_count(R"({"messages": [{"role": "user", "content": "Hi"}]})").lines.size(), 1U);

  const ApiRequest responses = responses_request(R"({"input": "Hi", "instructions": "Be short.", "max_output_tokens": 5,
      "text": {"format": {"type": "text"}}, "store": false})");
  EXPECT_EQ(json::parse(responses.lines.at(0)), json::parse(R"({"max_new_tokens": 5, "messages": [
      {"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}]})"));
  const ApiRequest items = responses_request(
      R"({"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]})");
  EXPECT_EQ(json::parse(items.lines.at(0)),
            json::parse(R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]})"));
  EXPECT_THROW(responses_request(R"({"input": "Hi", "previous_response_id": "resp_1"})"), ApiFailure);
  EXPECT_THROW(responses_request(R"({"input": "Hi", "text": {"format": {"type": "json_schema"}}})"), ApiFailure);
}

TEST(ApiRequest, NamesOfLinesAreTheClients) {
  EXPECT_EQ(api_name("max_new_tokens"), "max_tokens");
  EXPECT_EQ(api_name("keep"), "gemring.keep");
  EXPECT_EQ(api_name("temperature"), "temperature");
  EXPECT_EQ(api_name("prompt_ids"), "prompt");
}

}  // namespace
}  // namespace gemring
