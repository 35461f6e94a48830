#include "launch/serve/api/completion_shape.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "launch/serve/api/json_body.h"

namespace gemring {
namespace {

using nlohmann::json;

std::string data_event(const json& value) {
  return "data: " + line_of(value) + "\n\n";
}

json usage_of(const std::vector<FinishedAnswer>& answers) {
  std::int64_t prompt = 0, cached = 0, completion = 0;
  for (const FinishedAnswer& answer : answers) {
    prompt += answer.figures.prompt_tokens;
    cached += answer.figures.cached_tokens;
    completion += answer.figures.completion_tokens;
  }
  return {{"prompt_tokens", prompt},
          {"completion_tokens", completion},
          {"total_tokens", prompt + completion},
          {"prompt_tokens_details", {{"cached_tokens", cached}}}};
}

double rate(double tokens, double seconds) {
  return seconds > 0 ? tokens / seconds : 0;
}

/// As llama-server tells them.
json timings_of(const AnswerFigures& figures) {
  const double decode = figures.seconds - figures.first_token_seconds;
  const int after_first = figures.completion_tokens > 0 ? figures.completion_tokens - 1 : 0;
  return {{"cache_n", figures.cached_tokens},
          {"prompt_n", figures.prompt_tokens - figures.cached_tokens},
          {"prompt_ms", figures.first_token_seconds * 1e3},
          {"prompt_per_second", rate(figures.prompt_tokens, figures.first_token_seconds)},
          {"predicted_n", figures.completion_tokens},
          {"predicted_ms", decode * 1e3},
          {"predicted_per_second", rate(after_first, decode)}};
}

}  // namespace

CompletionShape::CompletionShape(AnswerHead head, bool is_chat) : AnswerShape(std::move(head)), is_chat_(is_chat) {}

json CompletionShape::piece(json choices) const {
  return {{"id", head().id},
          {"object", is_chat_ ? "chat.completion.chunk" : "text_completion"},
          {"created", head().created},
          {"model", head().model},
          {"choices", std::move(choices)}};
}

json CompletionShape::choice(std::size_t index, json delta, json finish_reason) const {
  json choice = {{"index", index}, {"logprobs", nullptr}, {"finish_reason", std::move(finish_reason)}};
  if (is_chat_) {
    choice["delta"] = std::move(delta);
  } else {
    choice["text"] = delta.value("content", json(""));
  }
  return json::array({std::move(choice)});
}

std::string CompletionShape::whole(const std::vector<FinishedAnswer>& answers) {
  json choices = json::array();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    json choice = {{"index", i}, {"logprobs", nullptr}, {"finish_reason", answers[i].finish_reason}};
    if (is_chat_) {
      choice["message"] = {{"role", "assistant"}, {"content", answers[i].text}, {"refusal", nullptr}};
    } else {
      choice["text"] = answers[i].text;
    }
    choices.push_back(std::move(choice));
  }
  json reply = piece(std::move(choices));
  if (is_chat_) reply["object"] = "chat.completion";
  reply["usage"] = usage_of(answers);
  reply["timings"] = timings_of(answers.front().figures);
  reply["gemring"] = gemring_of(answers.front());
  return line_of(reply);
}

std::string CompletionShape::first_events(std::size_t index, std::int32_t /*prompt_tokens*/) {
  if (!is_chat_) return {};
  return data_event(piece(choice(index, {{"role", "assistant"}, {"content", ""}})));
}

std::string CompletionShape::text_event(std::size_t index, std::string_view text) {
  return data_event(piece(choice(index, {{"content", text}})));
}

std::string CompletionShape::last_events(std::size_t index, const FinishedAnswer& answer) {
  json last = piece(choice(index, json::object(), answer.finish_reason));
  last["timings"] = timings_of(answer.figures);
  last["gemring"] = gemring_of(answer);
  return data_event(last);
}

std::string CompletionShape::end_events(const std::vector<FinishedAnswer>& answers, bool include_usage) {
  std::string events;
  if (include_usage) {
    json usage = piece(json::array());
    usage["usage"] = usage_of(answers);
    events = data_event(usage);
  }
  return events + "data: [DONE]\n\n";
}

std::string CompletionShape::progress_event(std::size_t index, std::int32_t total, std::int32_t processed,
                                            double seconds) {
  json progress = piece(choice(index, json::object()));
  progress["prompt_progress"] = {{"total", total}, {"cache", 0}, {"processed", processed}, {"time_ms", seconds * 1e3}};
  return data_event(progress);
}

}  // namespace gemring
