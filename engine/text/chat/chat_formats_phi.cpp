// Phi-3 and 3.5, and the formats that look like theirs: <|ROLE|>, a line end, the text, an end token, a line end.
#include <array>

#include "engine/text/chat/chat_formats.h"
#include "engine/text/chat/python_text.h"

namespace gemring {
namespace {

/// Phi-3.5: roles it does not know are left out, and empty system messages where not `keeps_empty_system` (Phi-3).
void render_phi35(const ChatInput& in, ChatWriter& out, bool keeps_empty_system) {
  for (const ChatMessage& message : in.messages) {
    const bool system = message.role == "system" && (keeps_empty_system || !message.content.empty());
    if (!system && message.role != "user" && message.role != "assistant") continue;
    out.write("<|", message.role, "|>\n", Literal{message.content}, "<|end|>\n");
  }
  out.write(in.add_generation_prompt ? "<|assistant|>\n" : in.eos());
}

/// The first Phi-3: no system message, and every question opens the assistant's turn.
void render_phi3_first(const ChatInput& in, ChatWriter& out, bool writes_bos) {
  if (writes_bos) out.write(in.bos());
  for (const ChatMessage& message : in.messages) {
    if (message.role == "user") {
      out.write("<|user|>\n", Literal{message.content}, "<|end|>\n<|assistant|>\n");
    } else if (message.role == "assistant") {
      out.write(Literal{message.content}, "<|end|>\n");
    }
  }
}

void render_phi3_small(const ChatInput& in, ChatWriter& out) {
  out.write(in.bos());
  for (const ChatMessage& message : in.messages) {
    out.write("<|", Literal{message.role}, "|>\n", Literal{message.content}, "<|end|>\n");
  }
  out.write(in.add_generation_prompt ? "<|assistant|>\n" : in.eos());
}

void render_phi4_mini(const ChatInput& in, ChatWriter& out) {
  for (const ChatMessage& message : in.messages) {
    out.write("<|", Literal{message.role}, "|>", Literal{message.content}, "<|end|>");
  }
  out.write(in.add_generation_prompt ? "<|assistant|>" : in.eos());
}

/// Phi-4: every question opens the assistant's turn; roles it does not know are left out.
void render_phi4(const ChatInput& in, ChatWriter& out) {
  for (const ChatMessage& message : in.messages) {
    const Literal content{message.content};
    if (message.role == "system") out.write("<|im_start|>system<|im_sep|>", content, "<|im_end|>");
    if (message.role == "user") {
      out.write("<|im_start|>user<|im_sep|>", content, "<|im_end|><|im_start|>assistant<|im_sep|>");
    }
    if (message.role == "assistant") out.write(content, "<|im_end|>");
  }
}

/// Zephyr and TinyLlama: the model's end token ends a message.
void render_zephyr(const ChatInput& in, ChatWriter& out) {
  for (const ChatMessage& message : in.messages) {
    if (message.role == "user" || message.role == "system" || message.role == "assistant") {
      out.write("<|", message.role, "|>\n", Literal{message.content}, in.eos_to_add(), "\n");
    }
    if (&message == &in.messages.back() && in.add_generation_prompt) out.write("<|assistant|>\n");
  }
}

constexpr std::array kPhiTemplates = {
    KnownTemplate{0x34be1e8ca5d0e6b9u, "phi3 (Phi-3.5)",
                  [](const ChatInput& in, ChatWriter& out) { render_phi35(in, out, false); }, "<|end|>"},
    KnownTemplate{0x37767be0c875b93cu, "phi3 (Phi-3)",
                  [](const ChatInput& in, ChatWriter& out) { render_phi35(in, out, true); }, "<|end|>"},
    KnownTemplate{0x789e6078447c4813u, "phi3 (Phi-3-mini, first version)",
                  [](const ChatInput& in, ChatWriter& out) { render_phi3_first(in, out, true); }, "<|end|>"},
    KnownTemplate{0xd9ed70dbf3ec1414u, "phi3 (Phi-3-medium)",
                  [](const ChatInput& in, ChatWriter& out) { render_phi3_first(in, out, false); }, "<|end|>"},
    KnownTemplate{0x1e5fa10ba95dd25du, "phi3 (Phi-3-small)", render_phi3_small, "<|end|>"},
    KnownTemplate{0x52cac4bbe11bc240u, "zephyr (Zephyr, TinyLlama)", render_zephyr, ""},
    KnownTemplate{0x27736016bfd665bbu, "phi4 (Phi-4-mini)", render_phi4_mini, "<|end|>"},
    KnownTemplate{0xb9920b4aa11ed842u, "phi4 (Phi-4)", render_phi4, "<|im_end|>"},
};

}  // namespace

std::span<const KnownTemplate> phi_templates() {
  return kPhiTemplates;
}

}  // namespace gemring
