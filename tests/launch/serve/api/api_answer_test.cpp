#include "launch/serve/api/api_answer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "launch/serve/api/api_problem.h"

namespace gemring {
namespace {

using nlohmann::json;

const FinishedAnswer kAnswer = {.text = "Paris",
                                .finish_reason = "stop",
                                .figures = {.prompt_tokens = 100, .kept_tokens = 20, .completion_tokens = 3, .filter_seconds = 1,
                                            .first_token_seconds = 2, .seconds = 4},
                                .kept = {}};

json of_event(const std::string& event) {
  EXPECT_TRUE(event.starts_with("data: ") && event.ends_with("\n\n")) << event;
  return json::parse(event.substr(6));
}

TEST(ApiAnswer, AWholeChatHasAMessageUsageAndTimings) {
  const json reply = json::parse(AnswerShape("chatcmpl-1", "m", 7, true).whole({kAnswer}));
  EXPECT_EQ(reply["object"], "chat.completion");
  EXPECT_EQ(reply["choices"][0]["message"]["content"], "Paris");
  EXPECT_EQ(reply["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(reply["usage"], json::parse(R"({"prompt_tokens": 100, "completion_tokens": 3, "total_tokens": 103,
                                            "prompt_tokens_details": {"cached_tokens": 0}})"));
  EXPECT_EQ(reply["timings"]["prompt_per_second"], 50);
  EXPECT_EQ(reply["timings"]["predicted_per_second"], 1);
  EXPECT_EQ(reply["gemring"]["kept_tokens"], 20);
}

TEST(ApiAnswer, CompletionsHaveAChoiceForEachPrompt) {
  const json reply = json::parse(AnswerShape("cmpl-1", "m", 7, false).whole({kAnswer, kAnswer}));
  EXPECT_EQ(reply["choices"][1]["index"], 1);
  EXPECT_EQ(reply["choices"][1]["text"], "Paris");
  EXPECT_EQ(reply["usage"]["total_tokens"], 206);
}

TEST(ApiAnswer, PiecesShareTheirHead) {
  const AnswerShape shape("chatcmpl-1", "m", 7, true);
  const json first = of_event(shape.first_event(0)), text = of_event(shape.text_event(0, "Pa\n")),
             last = of_event(shape.last_event(0, kAnswer)), usage = of_event(shape.usage_event({kAnswer}));
  for (const json& piece : {first, text, last, usage}) {
    EXPECT_EQ(piece["id"], "chatcmpl-1");
    EXPECT_EQ(piece["object"], "chat.completion.chunk");
    EXPECT_EQ(piece["created"], 7);
  }
  EXPECT_EQ(first["choices"][0]["delta"], json::parse(R"({"role": "assistant", "content": ""})"));
  EXPECT_EQ(text["choices"][0]["delta"]["content"], "Pa\n");
  EXPECT_EQ(last["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(usage["choices"].empty());
  EXPECT_EQ(of_event(shape.progress_event(0, 100, 50, 1.5))["prompt_progress"]["processed"], 50);
  EXPECT_EQ(AnswerShape("c", "m", 7, false).first_event(0), "");
}

TEST(ApiProblem, IsTheServersFaultWhereNoRequestCouldKnow) {
  const ApiProblem usage = problem_of(UsageError({"temperature", "is hot", "cool it"}));
  EXPECT_EQ(usage.status, 400);
  EXPECT_EQ(json::parse(error_json(usage))["error"],
            json::parse(R"({"message": "temperature: is hot; cool it", "type": "invalid_request_error",
                            "param": "temperature", "code": null})"));
  EXPECT_EQ(problem_of(ResourceError({"memory", "is full", ""})).status, 500);
  EXPECT_EQ(problem_of(std::runtime_error("oops")).type, "server_error");
}

}  // namespace
}  // namespace gemring
