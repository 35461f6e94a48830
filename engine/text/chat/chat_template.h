// Chat templates: a conversation as the prompt that a model was trained on. No template is executed: gemring knows
// published ones and renders them by its own code, byte for byte as transformers does.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/text/chat/chat_date.h"
#include "engine/text/chat/chat_messages.h"
#include "engine/text/unicode/byte_range.h"

namespace gemring {

/// A template as a model brings it along.
struct ChatTemplateSource {
  std::string where;                    // its file or key, for errors
  std::string text;                     // Jinja
  std::optional<std::string> bos, eos;  // texts of the model's special tokens, where it has them
};

/// Of a model directory (`model` may also name a file in it): chat_template.jinja, else chat_template of
/// tokenizer_config.json (a text, or a list of which the one named `default` counts); bos_token and eos_token from
/// tokenizer_config.json, else special_tokens_map.json. Of a GGUF file: tokenizer.chat_template, and the texts of its
/// BOS and EOS ids. `text` is empty where the model brings none. Throws ModelFileError (a broken file), ConfigError (a
/// list without `default`).
ChatTemplateSource read_chat_template(const std::string& model);

/// Bytes of a prompt that came from a message's content or reasoning.
struct MessageBytes {
  std::size_t message;  // number in the conversation
  ByteRange bytes;
};

struct RenderedChat {
  std::string text;
  std::vector<ByteRange> literal;      // what messages hold, ascending, apart: special tokens in there are no tokens
  std::vector<MessageBytes> contents;  // ascending, apart
};

class ChatTemplate {
 public:
  /// Throws ConfigError where there is no template or gemring does not know it. Recognition is by its canonical form
  /// (chat_template_syntax.h), so that a template which renders anything differently is not taken for another.
  explicit ChatTemplate(ChatTemplateSource source);

  /// `date`: what the template takes for today's date; nothing: the clock's, or the template's own default where it has
  /// one (Llama 3.1). Throws UsageError with the template's words where it refuses the conversation.
  RenderedChat render(const Conversation& conversation, std::optional<CalendarDate> date = std::nullopt) const;

  const std::string& name() const { return name_; }

  /// Text of the token that ends the assistant's turn; empty where the model names none.
  const std::string& end_of_turn() const { return end_of_turn_; }

 private:
  ChatTemplateSource source_;
  std::string name_, end_of_turn_;
  bool reads_reasoning_ = false;
  std::function<void(const class ChatInput&, class ChatWriter&)> render_;
};

}  // namespace gemring
