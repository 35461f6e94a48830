#include "launch/serve/api/api_request.h"

#include <fmt/format.h>

#include "launch/serve/api/api_problem.h"
#include "launch/serve/api/chat_messages_body.h"
#include "launch/serve/api/json_body.h"
#include "launch/serve/api/request_fields.h"

namespace gemring {
namespace {

using nlohmann::json;

json prompts_of(const json& body) {
  const json* const prompt = find_value(body, "prompt");
  if (prompt == nullptr) refuse_field("prompt", "is not there");
  const bool is_one = prompt->is_string() || (prompt->is_array() && !prompt->empty() && prompt->front().is_number());
  if (is_one) return json::array({*prompt});
  if (!prompt->is_array() || prompt->empty())
    refuse_field("prompt", "is neither text, token ids nor an array of these");
  return *prompt;
}

}  // namespace

ApiRequest chat_request(std::string_view text) {
  const json body = parse_body(text);
  ApiRequest request;
  request.kind = ApiKind::chat;
  json line = take_fields(body, request);
  line["messages"] = messages_of(find_value(body, "messages"), "messages");
  request.lines.push_back(line.dump());
  return request;
}

ApiRequest completion_request(std::string_view text) {
  constexpr std::size_t kMostPrompts = 64;
  const json body = parse_body(text);
  ApiRequest request;
  const json line = take_fields(body, request);
  const json prompts = prompts_of(body);
  if (prompts.size() > kMostPrompts) refuse_field("prompt", fmt::format("has more than {} prompts", kMostPrompts));
  for (const json& prompt : prompts) {
    json one = line;
    one[prompt.is_string() ? "prompt" : "prompt_ids"] = prompt;
    request.lines.push_back(one.dump());
  }
  return request;
}

}  // namespace gemring
