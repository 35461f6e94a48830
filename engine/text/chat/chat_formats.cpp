#include "engine/text/chat/chat_formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>

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

ChatWriter::ChatWriter(RenderedChat& out, std::span<const ChatMessage> messages) : out_(out) {
  const auto add = [&](const std::string& text, std::size_t message) {
    contents_.push_back({text.data(), text.data() + text.size(), message});
  };
  for (std::size_t i = 0; i < messages.size(); ++i) {
    add(messages[i].content, i);
    if (messages[i].reasoning) add(*messages[i].reasoning, i);
  }
  const std::less<const char*> before;  // < on pointers into different texts means nothing
  std::sort(contents_.begin(), contents_.end(), [&](const auto& a, const auto& b) { return before(a.begin, b.begin); });
}

void ChatWriter::add(const Literal& literal) {
  if (literal.text.empty()) return;
  const std::size_t begin = out_.text.size();
  out_.text += literal.text;
  const std::less<const char*> before;
  const char* const data = literal.of == nullptr ? literal.text.data() : literal.of->content.data();
  const auto behind =
      std::upper_bound(contents_.begin(), contents_.end(), data,
                       [&](const char* at, const Content& content) { return before(at, content.begin); });
  if (behind != contents_.begin() && before(data, std::prev(behind)->end)) {
    out_.contents.push_back({std::prev(behind)->message, {begin, begin + literal.text.size()}});
  }
  if (!out_.literal.empty() && out_.literal.back().end == begin) {
    out_.literal.back().end = out_.text.size();
  } else {
    out_.literal.push_back({begin, out_.text.size()});
  }
}

}  // namespace gemring
