#include "launch/serve/api/texts_shape.h"

#include <nlohmann/json.hpp>

#include "launch/serve/api/json_body.h"

namespace gemring {

using nlohmann::json;

std::string TextsShape::whole(const std::vector<FinishedAnswer>& answers) {
  const AnswerFigures& figures = answers.front().figures;
  json reply = gemring_of(answers.front());
  reply["object"] = selects_ ? "selection" : "text";
  reply["id"] = head().id;
  reply["tokens"] = figures.prompt_tokens;
  reply["cached_tokens"] = figures.cached_tokens;
  if (!selects_) reply.erase("kept_tokens");
  return line_of(reply);
}

std::string TextsShape::first_events(std::size_t /*index*/, std::int32_t /*prompt_tokens*/) {
  return {};
}

std::string TextsShape::text_event(std::size_t /*index*/, std::string_view /*text*/) {
  return {};
}

std::string TextsShape::last_events(std::size_t /*index*/, const FinishedAnswer& answer) {
  return "data: " + whole({answer}) + "\n\n";
}

std::string TextsShape::end_events(const std::vector<FinishedAnswer>& /*answers*/, bool /*include_usage*/) {
  return "data: [DONE]\n\n";
}

std::string TextsShape::progress_event(std::size_t /*index*/, std::int32_t total, std::int32_t processed,
                                       double seconds) {
  const json progress = {{"total", total}, {"processed", processed}, {"time_ms", seconds * 1e3}};
  return "data: " + line_of({{"prompt_progress", progress}}) + "\n\n";
}

}  // namespace gemring
