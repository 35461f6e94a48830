// What the renderers of the chat formats share. Each group of formats has a file of its own (chat_formats_*.cpp) that
// ends in a table of the templates it renders. Private to engine/text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/chat/chat_date.h"
#include "engine/text/chat/chat_messages.h"
#include "engine/text/chat/chat_template.h"
#include "engine/text/chat/chat_template_syntax.h"

namespace gemring {

/// Throws UsageError with the words of the template, which does not take this conversation.
[[noreturn]] void refuse_conversation(std::string_view words);

/// What a template sees.
class ChatInput {
 public:
  ChatInput(const Conversation& conversation, const ChatTemplateSource& source, std::optional<CalendarDate> date)
      : messages(conversation.messages),
        add_generation_prompt(conversation.add_generation_prompt),
        given_date(date),
        source_(source) {}

  /// messages[0], which must be there (Jinja: "list object has no element 0").
  const ChatMessage& first() const;

  /// The content of messages[0] where that is a system message; then `messages` is to go on behind it.
  const std::string* first_system() const { return first().role == "system" ? &first().content : nullptr; }

  /// {{ bos_token }}: nothing where the model has none.
  std::string_view bos() const { return source_.bos ? *source_.bos : std::string_view(); }

  /// The token's text where a template adds it to another text, which Jinja refuses if there is none: ConfigError.
  std::string_view bos_to_add() const { return needed(source_.bos, "bos_token"); }
  std::string_view eos_to_add() const { return needed(source_.eos, "eos_token"); }
  std::string_view eos() const { return source_.eos ? *source_.eos : std::string_view(); }

  /// strftime_now: the date that was given, else today.
  CalendarDate date() const { return given_date ? *given_date : today(); }

  std::span<const ChatMessage> messages;
  bool add_generation_prompt;
  std::optional<CalendarDate> given_date;

 private:
  std::string_view needed(const std::optional<std::string>& token, const char* name) const;
  const ChatTemplateSource& source_;
};

/// Text of a message, in which special tokens stay text.
struct Literal {
  std::string_view text;
  const ChatMessage* of = nullptr;  // whose it is, where it is no view of a message's content
};

/// Puts a prompt together and notes which bytes come from messages.
class ChatWriter {
 public:
  /// `messages`: those that literals may be views of.
  ChatWriter(RenderedChat& out, std::span<const ChatMessage> messages);

  /// Parts are markup (text) or Literal.
  template <class... Parts>
  void write(const Parts&... parts) {
    (add(parts), ...);
  }

 private:
  void add(std::string_view markup) { out_.text += markup; }
  void add(const Literal& literal);

  struct Content {
    const char* begin;
    const char* end;
    std::size_t message;
  };
  RenderedChat& out_;
  std::vector<Content> contents_;  // of the messages, ascending by address
};

/// A template that gemring knows, by the fingerprint of its canonical form.
struct KnownTemplate {
  std::uint64_t fingerprint;
  std::string_view name;  // of the format, and where it has several, of a model that is published with it
  void (*render)(const ChatInput& in, ChatWriter& out);
  std::string_view end_of_turn;  // the token's text; empty: eos_token
  bool reads_reasoning = false;  // "reasoning_content" of the messages
};

std::span<const KnownTemplate> qwen_templates();
std::span<const KnownTemplate> smollm_templates();
std::span<const KnownTemplate> llama_templates();
std::span<const KnownTemplate> mistral_templates();
std::span<const KnownTemplate> phi_templates();
std::span<const KnownTemplate> granite_templates();
std::span<const KnownTemplate> gemma_templates();
std::span<const KnownTemplate> deepseek_templates();

/// The ChatML family, of which there are dozens: a plain loop over the messages with a few things before and behind it.
struct ChatmlShape {
  bool writes_bos = false;
  bool trims_content = false;
  std::optional<std::string> default_system;  // the turn that is written before a conversation without a system message
  std::string generation_prompt;              // "<|im_start|>assistant\n"; empty: none
};

/// The shape of a template that is exactly this loop; nothing where it holds anything else.
std::optional<ChatmlShape> read_chatml(const std::vector<TemplateItem>& items);

void render_chatml(const ChatmlShape& shape, const ChatInput& in, ChatWriter& out);

/// The default system message of a template that is Qwen2.5's but for that; nothing where it is another template.
std::optional<std::string> read_qwen2(std::vector<TemplateItem> items);

/// `default_system`: the message where the conversation brings none.
void render_qwen2(std::string_view default_system, const ChatInput& in, ChatWriter& out);

}  // namespace gemring
