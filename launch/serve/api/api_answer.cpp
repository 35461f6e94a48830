#include "launch/serve/api/api_answer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "launch/serve/api/json_body.h"

namespace gemring {
namespace {

using nlohmann::json;

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

json gemring_of(const FinishedAnswer& answer) {
  const AnswerFigures& figures = answer.figures;
  json own = {{"kept_tokens", figures.kept_tokens},
              {"seconds",
               {{"queue", figures.queue_seconds},
                {"filter", figures.filter_seconds},
                {"first_token", figures.first_token_seconds},
                {"all", figures.seconds}}}};
  if (answer.kept.empty()) return own;
  json spans = json::array();
  for (const KeptText& kept : answer.kept) {
    spans.push_back({{"message", kept.message},
                     {"begin", kept.begin},
                     {"end", kept.end},
                     {"text", kept.text},
                     {"score", kept.score}});
  }
  own["kept"] = std::move(spans);
  return own;
}

}  // namespace

AnswerShape::AnswerShape(std::string id, std::string model, std::int64_t created, bool is_chat)
    : id_(std::move(id)), model_(std::move(model)), created_(created), is_chat_(is_chat) {}

json AnswerShape::head(const char* object) const {
  return {{"id", id_}, {"object", object}, {"created", created_}, {"model", model_}};
}

std::string AnswerShape::whole(const std::vector<FinishedAnswer>& answers) const {
  json reply = head(is_chat_ ? "chat.completion" : "text_completion");
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
  reply["choices"] = std::move(choices);
  reply["usage"] = usage_of(answers);
  reply["timings"] = timings_of(answers.front().figures);
  reply["gemring"] = gemring_of(answers.front());
  return line_of(reply);
}

std::string AnswerShape::event(json choice) const {
  json piece = head(is_chat_ ? "chat.completion.chunk" : "text_completion");
  choice["logprobs"] = nullptr;
  piece["choices"] = json::array({std::move(choice)});
  return "data: " + line_of(piece) + "\n\n";
}

std::string AnswerShape::first_event(std::size_t index) const {
  if (!is_chat_) return {};
  return event({{"index", index}, {"delta", {{"role", "assistant"}, {"content", ""}}}, {"finish_reason", nullptr}});
}

std::string AnswerShape::text_event(std::size_t index, std::string_view text) const {
  json choice = {{"index", index}, {"finish_reason", nullptr}};
  if (is_chat_) {
    choice["delta"] = {{"content", text}};
  } else {
    choice["text"] = text;
  }
  return event(std::move(choice));
}

std::string AnswerShape::last_event(std::size_t index, const FinishedAnswer& answer) const {
  json piece = head(is_chat_ ? "chat.completion.chunk" : "text_completion");
  json choice = {{"index", index}, {"logprobs", nullptr}, {"finish_reason", answer.finish_reason}};
  if (is_chat_) {
    choice["delta"] = json::object();
  } else {
    choice["text"] = "";
  }
  piece["choices"] = json::array({std::move(choice)});
  piece["timings"] = timings_of(answer.figures);
  piece["gemring"] = gemring_of(answer);
  return "data: " + line_of(piece) + "\n\n";
}

std::string AnswerShape::usage_event(const std::vector<FinishedAnswer>& answers) const {
  json piece = head(is_chat_ ? "chat.completion.chunk" : "text_completion");
  piece["choices"] = json::array();
  piece["usage"] = usage_of(answers);
  return "data: " + line_of(piece) + "\n\n";
}

std::string AnswerShape::progress_event(std::size_t index, std::int32_t total, std::int32_t processed,
                                        double seconds) const {
  json piece = head(is_chat_ ? "chat.completion.chunk" : "text_completion");
  json choice = {{"index", index}, {"logprobs", nullptr}, {"finish_reason", nullptr}};
  if (is_chat_) {
    choice["delta"] = json::object();
  } else {
    choice["text"] = "";
  }
  piece["choices"] = json::array({std::move(choice)});
  piece["prompt_progress"] = {{"total", total}, {"cache", 0}, {"processed", processed}, {"time_ms", seconds * 1e3}};
  return "data: " + line_of(piece) + "\n\n";
}

}  // namespace gemring
