#include <nlohmann/json.hpp>

#include "launch/serve/api/api_problem.h"
#include "launch/serve/api/api_request.h"
#include "launch/serve/api/chat_messages_body.h"
#include "launch/serve/api/json_body.h"
#include "launch/serve/api/request_fields.h"

namespace gemring {

using nlohmann::json;

ApiRequest responses_request(std::string_view text) {
  const json body = parse_body(text);
  ApiRequest request;
  request.kind = ApiKind::responses;
  json line = take_fields(body, request);
  const json* const input = find_value(body, "input");
  if (input == nullptr) refuse_field("input", "is not there");
  json messages =
      input->is_string() ? json::array({{{"role", "user"}, {"content", *input}}}) : messages_of(input, "input");
  if (const std::string instructions = text_of(body, "instructions", "instructions"); !instructions.empty()) {
    const json first = {{"role", "system"}, {"content", instructions}};
    messages.insert(messages.begin(), first);
  }
  line["messages"] = std::move(messages);
  request.lines.push_back(line.dump());
  return request;
}

}  // namespace gemring
