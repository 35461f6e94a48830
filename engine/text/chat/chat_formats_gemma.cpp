// Gemma: <start_of_turn>ROLE, a line end, the text, <end_of_turn>, a line end; the assistant's role is "model".
#include <array>

#include "engine/text/chat/chat_formats.h"
#include "engine/text/chat/python_text.h"

namespace gemring {
namespace {

constexpr std::string_view kMustAlternate = "Conversation roles must alternate user/assistant/user/assistant/...";

void write_turn(const ChatMessage& message, std::string_view before, ChatWriter& out) {
  const std::string_view role = message.role == "assistant" ? "model" : std::string_view(message.role);
  out.write("<start_of_turn>", Literal{role}, "\n", Literal{before}, before.data() == nullptr ? "" : "\n\n",
            Literal{python_strip(message.content)}, "<end_of_turn>\n");
}

/// The turns, the first of which opens with the text `before` (its data is null where there is none).
void write_turns(std::span<const ChatMessage> messages, std::string_view before, ChatWriter& out) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if ((messages[i].role == "user") != (i % 2 == 0)) refuse_conversation(kMustAlternate);
    write_turn(messages[i], i == 0 ? before : std::string_view(), out);
  }
}

/// Gemma 1 and 2 know no system message.
void render_gemma(const ChatInput& in, ChatWriter& out, bool writes_bos) {
  if (in.first_system() != nullptr) refuse_conversation("System role not supported");
  if (writes_bos) out.write(in.bos());
  write_turns(in.messages, {}, out);
  if (in.add_generation_prompt) out.write("<start_of_turn>model\n");
}

/// Gemma 3 puts it before the first message.
void render_gemma3(const ChatInput& in, ChatWriter& out) {
  const std::string* const system = in.first_system();
  out.write(in.bos());
  write_turns(in.messages.subspan(system == nullptr ? 0 : 1), system == nullptr ? std::string_view() : *system, out);
  if (in.add_generation_prompt) out.write("<start_of_turn>model\n");
}

constexpr std::array kGemmaTemplates = {
    KnownTemplate{0xbf7dd968707ef5abu, "gemma (Gemma 2)",
                  [](const ChatInput& in, ChatWriter& out) { render_gemma(in, out, true); }, "<end_of_turn>"},
    KnownTemplate{0xdd3861e64054c37cu, "gemma (Gemma 1, without BOS)",
                  [](const ChatInput& in, ChatWriter& out) { render_gemma(in, out, false); }, "<end_of_turn>"},
    KnownTemplate{0xa084a36b584ac080u, "gemma (Gemma 3)", render_gemma3, "<end_of_turn>"},
};

}  // namespace

std::span<const KnownTemplate> gemma_templates() {
  return kGemmaTemplates;
}

}  // namespace gemring
