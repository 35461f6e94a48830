#include "engine/text/chat/chat_formats.h"

#include <fmt/format.h>

#include "engine/base/error.h"

namespace gemring {

void refuse_conversation(std::string_view words) {
  throw UsageError({"chat template", fmt::format("refuses the conversation: {}", words),
                    "change the messages, or write the markup out yourself (generate --prompt-file without --chat)"});
}

const ChatMessage& ChatInput::first() const {
  if (messages.empty()) refuse_conversation("there are no messages (list object has no element 0)");
  return messages.front();
}

std::string_view ChatInput::needed(const std::optional<std::string>& token, const char* name) const {
  if (token) return *token;
  throw ConfigError({source_.where, fmt::format("writes {}, and the model names no such token", name),
                     fmt::format("add \"{}\" to tokenizer_config.json", name)});
}

void ChatWriter::add(const Literal& literal) {
  if (literal.text.empty()) return;
  const std::size_t begin = out_.text.size();
  out_.text += literal.text;
  if (!out_.literal.empty() && out_.literal.back().end == begin) {
    out_.literal.back().end = out_.text.size();
  } else {
    out_.literal.push_back({begin, out_.text.size()});
  }
}

}  // namespace gemring
