#include "launch/serve/api/answer_shape.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "launch/serve/api/api_problem.h"

namespace gemring {
namespace {

using nlohmann::json;

const FinishedAnswer kAnswer = {.text = "Paris",
                                .finish_reason = "stop",
                                .figures = {.prompt_tokens = 100,
                                            .kept_tokens = 20,
                                            .completion_tokens = 3,
                                            .filter_seconds = 1,
                                            .first_token_seconds = 2,
                                            .seconds = 4},
                                .kept = {}};

std::unique_ptr<AnswerShape> shape(ApiKind kind) {
  return answer_shape(kind, {"id-1", "m", 7});
}

json of_event(const std::string& event) {
  EXPECT_TRUE(event.starts_with("data: ") && event.ends_with("\n\n")) << event;
  return json::parse(event.substr(6));
}

TEST(AnswerShape, AWholeChatHasAMessageUsageAndTimings) {
  const json reply = json::parse(shape(ApiKind::chat)->whole({kAnswer}));
  EXPECT_EQ(reply["object"], "chat.completion");
  EXPECT_EQ(reply["choices"][0]["message"]["content"], "Paris");
  EXPECT_EQ(reply["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(reply["usage"], json::parse(R"({"prompt_tokens": 100, "completion_tokens": 3, "total_tokens": 103,
                                            "prompt_tokens_details": {"cached_tokens": 0}})"));
  EXPECT_EQ(reply["timings"]["prompt_per_second"], 50);
  EXPECT_EQ(reply["timings"]["predicted_per_second"], 1);
  EXPECT_EQ(reply["gemring"]["kept_tokens"], 20);
}

TEST(AnswerShape, CompletionsHaveAChoiceForEachPrompt) {
  const json reply = json::parse(shape(ApiKind::completion)->whole({kAnswer, kAnswer}));
  EXPECT_EQ(reply["choices"][1]["index"], 1);
  EXPECT_EQ(reply["choices"][1]["text"], "Paris");
  EXPECT_EQ(reply["usage"]["total_tokens"], 206);
}

TEST(AnswerShape, PiecesOfAChatShareTheirHead) {
  const auto chat = shape(ApiKind::chat);
  const json first = of_event(chat->first_events(0, 9)), text = of_event(chat->text_event(0, "Pa\n")),
             last = of_event(chat->last_events(0, kAnswer));
  for (const json& piece : {first, text, last}) {
    EXPECT_EQ(piece["id"], "id-1");
    EXPECT_EQ(piece["object"], "chat.completion.chunk");
    EXPECT_EQ(piece["created"], 7);
  }
  EXPECT_EQ(first["choices"][0]["delta"], json::parse(R"({"role": "assistant", "content": ""})"));
  EXPECT_EQ(text["choices"][0]["delta"]["content"], "Pa\n");
  EXPECT_EQ(last["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(of_event(chat->progress_event(0, 100, 50, 1.5))["prompt_progress"]["processed"], 50);
  EXPECT_EQ(shape(ApiKind::completion)->first_events(0, 9), "");
  const std::string end = chat->end_events({kAnswer}, true);
  EXPECT_TRUE(end.ends_with("\n\ndata: [DONE]\n\n"));
  EXPECT_TRUE(of_event(end.substr(0, end.find("\n\n") + 2))["choices"].empty());
  EXPECT_EQ(chat->end_events({kAnswer}, false), "data: [DONE]\n\n");
}

/// Types of events in their order, and their data.
std::vector<std::pair<std::string, json>> named_events(const std::string& text) {
  std::vector<std::pair<std::string, json>> events;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t data = text.find("\ndata: ", at), end = text.find("\n\n", at);
    events.emplace_back(text.substr(at + 7, data - at - 7), json::parse(text.substr(data + 7, end - data - 7)));
    at = end + 2;
  }
  return events;
}

TEST(AnswerShape, MessagesSayWhichStringEndedThem) {
  FinishedAnswer answer = kAnswer;
  json reply = json::parse(shape(ApiKind::messages)->whole({answer}));
  EXPECT_EQ(reply["content"], json::parse(R"([{"type": "text", "text": "Paris"}])"));
  EXPECT_EQ(reply["stop_reason"], "end_turn");
  EXPECT_EQ(reply["usage"]["input_tokens"], 100);
  answer.stop_string = "END";
  reply = json::parse(shape(ApiKind::messages)->whole({answer}));
  EXPECT_EQ(reply["stop_reason"], "stop_sequence");
  EXPECT_EQ(reply["stop_sequence"], "END");
  const auto stream = shape(ApiKind::messages);
  const auto events = named_events(stream->first_events(0, 100) + stream->text_event(0, "Pa") +
                                   stream->last_events(0, answer) + stream->end_events({answer}, false));
  std::vector<std::string> types;
  for (const auto& [type, data] : events) {
    EXPECT_EQ(data["type"], type);
    types.push_back(type);
  }
  EXPECT_EQ(types, (std::vector<std::string>{"message_start", "content_block_start", "content_block_delta",
                                             "content_block_stop", "message_delta", "message_stop"}));
  EXPECT_EQ(events[0].second["message"]["usage"]["input_tokens"], 100);
  EXPECT_EQ(events[4].second["usage"]["output_tokens"], 3);
}

TEST(AnswerShape, ResponsesNumberTheirEvents) {
  FinishedAnswer answer = kAnswer;
  answer.finish_reason = "length";
  const json reply = json::parse(shape(ApiKind::responses)->whole({answer}));
  EXPECT_EQ(reply["status"], "incomplete");
  EXPECT_EQ(reply["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ(reply["output"][0]["content"][0]["text"], "Paris");
  const auto stream = shape(ApiKind::responses);
  std::string text = stream->first_events(0, 100);  // one by one: they are numbered
  text += stream->text_event(0, "Pa");
  text += stream->last_events(0, kAnswer);
  text += stream->end_events({kAnswer}, false);
  const auto events = named_events(text);
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].second["sequence_number"], i);
  EXPECT_EQ(events.front().first, "response.created");
  EXPECT_EQ(events[4].second["delta"], "Pa");
  EXPECT_EQ(events.back().first, "response.completed");
  EXPECT_EQ(events.back().second["response"]["usage"]["total_tokens"], 103);
}

TEST(ApiProblem, IsTheServersFaultWhereNoRequestCouldKnow) {
  const ApiProblem usage = problem_of(UsageError({"temperature", "is hot", "cool it"}));
  EXPECT_EQ(usage.status, 400);
  EXPECT_EQ(json::parse(error_json(usage, ApiKind::chat))["error"],
            json::parse(R"({"message": "temperature: is hot; cool it", "type": "invalid_request_error",
                            "param": "temperature", "code": null})"));
  EXPECT_EQ(json::parse(error_json(usage, ApiKind::messages))["type"], "error");
  EXPECT_EQ(problem_of(ResourceError({"memory", "is full", ""})).status, 500);
  EXPECT_EQ(problem_of(std::runtime_error("oops")).type, "server_error");
}

}  // namespace
}  // namespace gemring
