#include <nlohmann/json.hpp>

#include "launch/serve/api/api_problem.h"
#include "launch/serve/api/api_request.h"
#include "launch/serve/api/chat_messages_body.h"
#include "launch/serve/api/json_body.h"
#include "launch/serve/api/request_fields.h"

namespace gemring {

using nlohmann::json;

namespace {

ApiRequest read(const json& body) {
  ApiRequest request;
  request.kind = ApiKind::messages;
  json line = take_fields(body, request);
  json messages = messages_of(find_value(body, "messages"), "messages");
  if (const json* const system = find_value(body, "system")) {
    const json first = {{"role", "system"}, {"content", content_of(*system, "system")}};
    messages.insert(messages.begin(), first);
  }
  line["messages"] = std::move(messages);
  request.lines.push_back(line.dump());
  return request;
}

}  // namespace

ApiRequest messages_request(std::string_view text) {
  const json body = parse_body(text);
  if (find_value(body, "max_tokens") == nullptr) refuse_field("max_tokens", "is not there");
  return read(body);
}

ApiRequest messages_to_count(std::string_view text) {
  return read(parse_body(text));
}

}  // namespace gemring
