// A conversation as chat models know it, and its JSON form (what /v1/chat/completions and apply_chat_template take).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gemring {

struct ChatMessage {
  std::string role;  // any text: what a template does with one it does not know is the template's matter
  std::string content;
  std::optional<std::string> reasoning;       // "reasoning_content": what the model thought before it answered
  std::optional<std::size_t> last_part = {};  // where the last part of a content of several begins
};

struct Conversation {
  std::vector<ChatMessage> messages;
  bool add_generation_prompt = false;  // the markup that opens the assistant's turn, at the end
};

/// Contents that are lists of parts {"type": "text", "text": TEXT}. Templates differ in what they make of them.
enum class ContentParts {
  refused,
  joined,  // one text, each part on a line of its own: what servers do for templates that know texts alone
};

/// {"messages": [{"role": TEXT, "content": TEXT}, ...], "add_generation_prompt": false}, the second key and a message's
/// "reasoning_content" (text or null) optional. Throws UsageError, naming the message: broken JSON, a key that is
/// missing, given twice or of another type, and any other key (tool_calls, name, ...), because a template might want
/// it. The memory is bounded by a small multiple of `json`, whatever is in it.
Conversation parse_messages(std::string_view json, ContentParts parts = ContentParts::refused);

}  // namespace gemring
