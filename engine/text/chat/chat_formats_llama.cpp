// Llama 2, Llama 3 and 3.1 to 3.3.
#include <array>

#include "engine/text/chat/chat_formats.h"
#include "engine/text/chat/python_text.h"

namespace gemring {
namespace {

/// Llama 2: every question opens with BOS; the system message stands in the first one.
void render_llama2(const ChatInput& in, ChatWriter& out, bool trims_system) {
  const std::string* const system = in.first_system();
  const auto messages = in.messages.subspan(system == nullptr ? 0 : 1);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    if ((message.role == "user") != (i % 2 == 0)) {
      refuse_conversation("Conversation roles must alternate user/assistant/user/assistant/...");
    }
    if (message.role == "user" && i == 0 && system != nullptr) {
      // The template trims system message and question together: what is left of the question is its end.
      const std::string_view system_text = trims_system ? python_strip(*system) : *system;
      const std::string_view question = python_rstrip(message.content);
      out.write(in.bos_to_add(), "[INST] <<SYS>>\n", Literal{system_text},
                question.empty() ? "\n<</SYS>>" : "\n<</SYS>>\n\n", Literal{question}, " [/INST]");
    } else if (message.role == "user") {
      out.write(in.bos_to_add(), "[INST] ", Literal{python_strip(message.content)}, " [/INST]");
    } else if (message.role == "assistant") {
      out.write(" ", Literal{python_strip(message.content)}, " ", in.eos_to_add());
    }
  }
}

template <class Role>  // std::string_view or Literal
void write_header(const Role& role, ChatWriter& out) {
  out.write("<|start_header_id|>", role, "<|end_header_id|>\n\n");
}

void write_stripped_turn(const ChatMessage& message, ChatWriter& out) {
  write_header(Literal{message.role}, out);
  out.write(Literal{python_strip(message.content)}, "<|eot_id|>");
}

/// `always_prompts`: the first template of Llama 3 opened the assistant's turn whether asked or not.
void render_llama3(const ChatInput& in, ChatWriter& out, bool always_prompts) {
  for (const ChatMessage& message : in.messages) {
    if (&message == in.messages.data()) out.write(in.bos_to_add());
    write_stripped_turn(message, out);
  }
  if (in.add_generation_prompt || always_prompts) write_header("assistant", out);
}

/// Llama 3.1 to 3.3: a system turn with dates always; tool answers as JSON. `clock`: today's date where none is given.
void render_llama31(const ChatInput& in, ChatWriter& out, bool clock) {
  const std::string* const system = in.first_system();
  const CalendarDate date = in.given_date || clock ? in.date() : CalendarDate{2024, 7, 26};
  out.write(in.bos(), "<|start_header_id|>system<|end_header_id|>\n\n",
            "Cutting Knowledge Date: December 2023\nToday Date: ", day_short_month_year(date), "\n\n");
  if (system != nullptr) out.write(Literal{python_strip(*system)});
  out.write("<|eot_id|>");
  for (const ChatMessage& message : in.messages.subspan(system == nullptr ? 0 : 1)) {
    if (message.role == "tool" || message.role == "ipython") {
      write_header("ipython", out);
      out.write(Literal{python_json(message.content), &message}, "<|eot_id|>");
    } else {
      write_stripped_turn(message, out);
    }
  }
  if (in.add_generation_prompt) write_header("assistant", out);
}

constexpr std::array kLlamaTemplates = {
    KnownTemplate{0x4ee011c12c97a462u, "llama3 (Llama-3.1)",
                  [](const ChatInput& in, ChatWriter& out) { render_llama31(in, out, false); }, "<|eot_id|>"},
    KnownTemplate{0xb6c8e464770c0100u, "llama3 (Llama-3.2)",
                  [](const ChatInput& in, ChatWriter& out) { render_llama31(in, out, true); }, "<|eot_id|>"},
    KnownTemplate{0x59f7b3baf00bd752u, "llama3 (Llama-3)",
                  [](const ChatInput& in, ChatWriter& out) { render_llama3(in, out, false); }, "<|eot_id|>"},
    KnownTemplate{0x64ff568e066cdd1cu, "llama3 (Llama-3, first version)",
                  [](const ChatInput& in, ChatWriter& out) { render_llama3(in, out, true); }, "<|eot_id|>"},
    KnownTemplate{0x986a4fe53903ee48u, "llama2 (Llama-2)",
                  [](const ChatInput& in, ChatWriter& out) { render_llama2(in, out, true); }, ""},
    KnownTemplate{0x23524d89486c9441u, "llama2 (Llama-2, first version)",
                  [](const ChatInput& in, ChatWriter& out) { render_llama2(in, out, false); }, ""},
};

}  // namespace

std::span<const KnownTemplate> llama_templates() {
  return kLlamaTemplates;
}

}  // namespace gemring
