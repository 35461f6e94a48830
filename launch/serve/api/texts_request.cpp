#include <algorithm>
#include <nlohmann/json.hpp>

#include "launch/serve/api/api_problem.h"
#include "launch/serve/api/api_request.h"
#include "launch/serve/api/chat_messages_body.h"
#include "launch/serve/api/json_body.h"
#include "launch/serve/api/request_fields.h"

namespace gemring {

using nlohmann::json;

namespace {

json text_part(const std::string& text) {
  return {{"type", "text"}, {"text", text}};
}

ApiRequest reading(const json& body, ApiKind kind) {
  ApiRequest request;
  request.kind = kind;
  request.stream = truth_of(body, "stream", "stream");
  request.return_progress = request.stream;
  request.gives_max_tokens = true;
  return request;
}

}  // namespace

ApiRequest text_to_keep(std::string_view bytes) {
  const json body = parse_body(bytes);
  ApiRequest request = reading(body, ApiKind::text);
  request.text = std::make_shared<const std::string>(text_of(body, "text", "text"));
  if (request.text->empty()) refuse_field("text", "is not there");
  const json message = {{"role", "user"}, {"content", json::array({text_part(*request.text), text_part("?")})}};
  request.lines.push_back(line_of({{"messages", json::array({message})}, {"max_new_tokens", 1}}));
  return request;
}

ApiRequest selection_request(std::string_view bytes) {
  const json body = parse_body(bytes);
  ApiRequest request = reading(body, ApiKind::selection);
  request.return_kept = true;
  const std::string question = text_of(body, "question", "question");
  if (question.empty()) refuse_field("question", "is not there");
  const json message = {{"role", "user"}, {"content", json::array({text_part(question)})}};
  json line = {{"messages", json::array({message})}, {"max_new_tokens", 1}};
  for (const char* const field : {"keep", "keep_unit"}) {
    if (const json* const value = find_value(body, field)) line[field] = *value;
  }
  request.lines.push_back(line.dump());
  return request;
}

void put_text(ApiRequest& request, const std::string& text) {
  for (std::string& line : request.lines) {
    json object = json::parse(line);
    const auto messages = object.find("messages");
    const auto first = messages == object.end()
                           ? json::iterator()
                           : std::find_if(messages->begin(), messages->end(),
                                          [](const json& message) { return message.at("role") == "user"; });
    if (messages == object.end() || first == messages->end()) {
      refuse_field("gemring.text_id", "goes with a message of the user, in front of which the text is put");
    }
    json& content = first->at("content");
    json parts = content.is_string() ? json::array({text_part(content.get<std::string>())}) : std::move(content);
    const json part = text_part(text);
    parts.insert(parts.begin(), part);
    content = std::move(parts);
    line = line_of(object);
  }
}

}  // namespace gemring
