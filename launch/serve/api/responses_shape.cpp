#include "launch/serve/api/responses_shape.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "launch/serve/api/json_body.h"

namespace gemring {
namespace {

using nlohmann::json;

json part(std::string_view text) {
  return {{"type", "output_text"}, {"text", text}, {"annotations", json::array()}};
}

json usage_of_response(const AnswerFigures& figures) {
  return {{"input_tokens", figures.prompt_tokens},
          {"input_tokens_details", {{"cached_tokens", figures.cached_tokens}}},
          {"output_tokens", figures.completion_tokens},
          {"output_tokens_details", {{"reasoning_tokens", 0}}},
          {"total_tokens", figures.prompt_tokens + figures.completion_tokens}};
}

}  // namespace

std::string ResponsesShape::event(const char* type, json fields) {
  fields["type"] = type;
  fields["sequence_number"] = next_++;
  return fmt::format("event: {}\ndata: {}\n\n", type, line_of(fields));
}

json ResponsesShape::response(const char* status, json output) const {
  return {{"id", head().id},
          {"object", "response"},
          {"created_at", head().created},
          {"status", status},
          {"model", head().model},
          {"output", std::move(output)},
          {"error", nullptr},
          {"incomplete_details", nullptr},
          {"instructions", nullptr},
          {"metadata", json::object()},
          {"parallel_tool_calls", false},
          {"tool_choice", "none"},
          {"tools", json::array()},
          {"temperature", nullptr},
          {"top_p", nullptr},
          {"usage", nullptr}};
}

json ResponsesShape::item(const char* status, json content) const {
  return {{"id", "msg_" + head().id},
          {"type", "message"},
          {"role", "assistant"},
          {"status", status},
          {"content", std::move(content)}};
}

json ResponsesShape::finished(const FinishedAnswer& answer) const {
  const bool is_cut = answer.finish_reason == "length";
  const char* const status = is_cut ? "incomplete" : "completed";
  json reply = response(status, json::array({item(status, json::array({part(answer.text)}))}));
  if (is_cut) reply["incomplete_details"] = {{"reason", "max_output_tokens"}};
  reply["usage"] = usage_of_response(answer.figures);
  reply["gemring"] = gemring_of(answer);
  return reply;
}

std::string ResponsesShape::whole(const std::vector<FinishedAnswer>& answers) {
  return line_of(finished(answers.front()));
}

std::string ResponsesShape::first_events(std::size_t /*index*/, std::int32_t /*prompt_tokens*/) {
  const json begun = response("in_progress", json::array());
  std::string events = event("response.created", {{"response", begun}});  // one by one: they are numbered
  events += event("response.in_progress", {{"response", begun}});
  events += event("response.output_item.added", {{"output_index", 0}, {"item", item("in_progress", json::array())}});
  events += event("response.content_part.added",
                  {{"item_id", "msg_" + head().id}, {"output_index", 0}, {"content_index", 0}, {"part", part("")}});
  return events;
}

std::string ResponsesShape::text_event(std::size_t /*index*/, std::string_view text) {
  return event("response.output_text.delta", {{"item_id", "msg_" + head().id},
                                              {"output_index", 0},
                                              {"content_index", 0},
                                              {"delta", text},
                                              {"logprobs", json::array()}});
}

std::string ResponsesShape::last_events(std::size_t /*index*/, const FinishedAnswer& answer) {
  const json place = {{"item_id", "msg_" + head().id}, {"output_index", 0}, {"content_index", 0}};
  json text = place, whole_part = place;
  text["text"] = answer.text;
  text["logprobs"] = json::array();
  whole_part["part"] = part(answer.text);
  const json reply = finished(answer);
  std::string events = event("response.output_text.done", std::move(text));
  events += event("response.content_part.done", std::move(whole_part));
  events += event("response.output_item.done", {{"output_index", 0}, {"item", reply.at("output").at(0)}});
  return events;
}

std::string ResponsesShape::end_events(const std::vector<FinishedAnswer>& answers, bool /*include_usage*/) {
  const json reply = finished(answers.front());
  return event(reply.at("status") == "incomplete" ? "response.incomplete" : "response.completed",
               {{"response", reply}});
}

std::string ResponsesShape::progress_event(std::size_t /*index*/, std::int32_t /*total*/, std::int32_t /*processed*/,
                                           double /*seconds*/) {
  return ": ping\n\n";
}

}  // namespace gemring
