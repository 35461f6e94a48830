#include "launch/serve/api/messages_shape.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "launch/serve/api/json_body.h"

namespace gemring {
namespace {

using nlohmann::json;

std::string named_event(json value) {
  const std::string type = value.at("type").get<std::string>();
  return fmt::format("event: {}\ndata: {}\n\n", type, line_of(value));
}

/// input_tokens are those that no cache had.
json usage_of_message(const AnswerFigures& figures) {
  return {{"input_tokens", figures.prompt_tokens - figures.cached_tokens},
          {"cache_read_input_tokens", figures.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"output_tokens", figures.completion_tokens}};
}

json stop_of(const FinishedAnswer& answer) {
  const bool by_string = !answer.stop_string.empty();
  return {{"stop_reason", by_string                          ? "stop_sequence"
                          : answer.finish_reason == "length" ? "max_tokens"
                                                             : "end_turn"},
          {"stop_sequence", by_string ? json(answer.stop_string) : json(nullptr)}};
}

}  // namespace

json MessagesShape::message(json content, json usage) const {
  return {{"id", head().id},
          {"type", "message"},
          {"role", "assistant"},
          {"model", head().model},
          {"content", std::move(content)},
          {"stop_reason", nullptr},
          {"stop_sequence", nullptr},
          {"usage", std::move(usage)}};
}

std::string MessagesShape::whole(const std::vector<FinishedAnswer>& answers) {
  const FinishedAnswer& answer = answers.front();
  json reply = message(json::array({{{"type", "text"}, {"text", answer.text}}}), usage_of_message(answer.figures));
  reply.update(stop_of(answer));
  reply["gemring"] = gemring_of(answer);
  return line_of(reply);
}

std::string MessagesShape::first_events(std::size_t /*index*/, std::int32_t prompt_tokens) {
  AnswerFigures figures;
  figures.prompt_tokens = prompt_tokens;
  const json block = {{"type", "text"}, {"text", ""}};
  return named_event({{"type", "message_start"}, {"message", message(json::array(), usage_of_message(figures))}}) +
         named_event({{"type", "content_block_start"}, {"index", 0}, {"content_block", block}});
}

std::string MessagesShape::text_event(std::size_t /*index*/, std::string_view text) {
  return named_event(
      {{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "text_delta"}, {"text", text}}}});
}

std::string MessagesShape::last_events(std::size_t /*index*/, const FinishedAnswer& answer) {
  return named_event({{"type", "content_block_stop"}, {"index", 0}}) +
         named_event({{"type", "message_delta"},
                      {"delta", stop_of(answer)},
                      {"usage", usage_of_message(answer.figures)},
                      {"gemring", gemring_of(answer)}});
}

std::string MessagesShape::end_events(const std::vector<FinishedAnswer>& /*answers*/, bool /*include_usage*/) {
  return named_event({{"type", "message_stop"}});
}

std::string MessagesShape::progress_event(std::size_t /*index*/, std::int32_t /*total*/, std::int32_t /*processed*/,
                                          double /*seconds*/) {
  return named_event({{"type", "ping"}});
}

}  // namespace gemring
