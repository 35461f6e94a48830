#include "launch/serve/api/chat_messages_body.h"

#include <fmt/format.h>

#include "launch/serve/api/api_problem.h"
#include "launch/serve/api/json_body.h"

namespace gemring {

using nlohmann::json;

json content_of(const json& content, const std::string& name) {
  if (content.is_string()) return content;
  if (!content.is_array()) refuse_field(name, "is neither text nor an array of parts");
  json parts = json::array();
  for (std::size_t i = 0; i < content.size(); ++i) {
    const std::string part_name = fmt::format("{}[{}]", name, i);
    if (content[i].is_string()) {
      parts.push_back({{"type", "text"}, {"text", content[i]}});
      continue;
    }
    const json* const text = content[i].is_object() ? find_value(content[i], "text") : nullptr;
    if (text == nullptr || !text->is_string()) refuse_field(part_name, "is no text, and this model reads nothing else");
    parts.push_back({{"type", "text"}, {"text", *text}});
  }
  return parts;
}

json message_of(const json& message, const std::string& name) {
  if (!message.is_object()) refuse_field(name, "is no object");
  for (const char* const field : {"tool_calls", "function_call", "audio"}) {
    if (asks_for_something(find_value(message, field)))
      refuse_field(fmt::format("{}.{}", name, field), "is not supported");
  }
  std::string role = text_of(message, "role", name + ".role");
  if (role == "developer") role = "system";
  if (role != "system" && role != "user" && role != "assistant") {
    refuse_field(name + ".role", "is system, developer, user or assistant");
  }
  const json* const content = find_value(message, "content");
  json read = {{"role", role}, {"content", content == nullptr ? json("") : content_of(*content, name + ".content")}};
  if (content == nullptr && role != "assistant") refuse_field(name + ".content", "is not there");
  for (const char* const field : {"reasoning", "reasoning_content"}) {
    const std::string thought = text_of(message, field, fmt::format("{}.{}", name, field));
    if (!thought.empty()) read["reasoning_content"] = thought;
  }
  return read;
}

json messages_of(const json* messages, const std::string& name) {
  if (messages == nullptr || !messages->is_array() || messages->empty()) {
    refuse_field(name, "is no array of messages, of which there must be one at least");
  }
  json read = json::array();
  for (std::size_t i = 0; i < messages->size(); ++i)
    read.push_back(message_of((*messages)[i], fmt::format("{}[{}]", name, i)));
  return read;
}

}  // namespace gemring
