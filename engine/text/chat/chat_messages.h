// A conversation as chat models know it, and its JSON form (what /v1/chat/completions and apply_chat_template take).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gemring {

struct ChatMessage {
  std::string role;  // any text: what a template does with one it does not know is the template's matter
  std::string content;
  std::optional<std::string> reasoning;  // "reasoning_content": what the model thought before it answered
};

struct Conversation {
  std::vector<ChatMessage> messages;
  bool add_generation_prompt = false;  // the markup that opens the assistant's turn, at the end
};

/// {"messages": [{"role": TEXT, "content": TEXT}, ...], "add_generation_prompt": false}, the second key and a message's
/// "reasoning_content" (text or null) optional. Throws UsageError, naming the message: broken JSON, a key that is
/// missing, given twice or of another type, and any other key (tool_calls, name, ...), because a template might want
/// it. The memory is bounded by a small multiple of `json`, whatever is in it.
Conversation parse_messages(std::string_view json);

}  // namespace gemring
