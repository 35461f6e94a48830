// Granite 3.x: <|start_of_role|>ROLE<|end_of_role|>, the text, <|end_of_text|>, a line end.
#include <array>

#include "engine/text/chat/chat_formats.h"

namespace gemring {
namespace {

void write_turn(std::string_view role, std::string_view content, ChatWriter& out) {
  out.write("<|start_of_role|>", Literal{role}, "<|end_of_role|>", Literal{content}, "<|end_of_text|>\n");
}

/// Granite 3.3. A system message alone opens no assistant's turn: the template does it behind the last of the others.
void render_granite33(const ChatInput& in, ChatWriter& out) {
  const std::string* const system = in.first_system();
  if (system != nullptr) {
    write_turn("system", *system, out);
  } else {
    out.write("<|start_of_role|>system<|end_of_role|>Knowledge Cutoff Date: April 2024. Today's Date: ",
              month_day_year(in.date()), ". You are Granite, developed by IBM. You are a helpful AI assistant.",
              "<|end_of_text|>\n");
  }
  const auto messages = in.messages.subspan(system == nullptr ? 0 : 1);
  for (const ChatMessage& message : messages) write_turn(message.role, message.content, out);
  if (!messages.empty() && in.add_generation_prompt) out.write("<|start_of_role|>assistant<|end_of_role|>");
}

/// Granite 3.0: no default system message; roles it does not know are left out.
void render_granite30(const ChatInput& in, ChatWriter& out) {
  for (const ChatMessage& message : in.messages) {
    const std::string& role = message.role;
    if (role == "assistant_tool_call") {
      out.write("<|start_of_role|>assistant<|end_of_role|><|tool_call|>", Literal{message.content},
                "<|end_of_text|>\n");
    } else if (role == "system" || role == "user" || role == "assistant" || role == "tool_response") {
      write_turn(role, message.content, out);
    }
  }
  if (!in.messages.empty() && in.add_generation_prompt) out.write("<|start_of_role|>assistant<|end_of_role|>");
}

constexpr std::array kGraniteTemplates = {
    KnownTemplate{0x3a6871874b993b82u, "granite (Granite 3.3)", render_granite33, "<|end_of_text|>"},
    KnownTemplate{0xb72ac305197849e8u, "granite (Granite 3.0)", render_granite30, "<|end_of_text|>"},
};

}  // namespace

std::span<const KnownTemplate> granite_templates() {
  return kGraniteTemplates;
}

}  // namespace gemring
