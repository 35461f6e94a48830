// SmolLM3: ChatML with a system turn that states date, mode and instructions. SmolLM2 is plain ChatML with a default
// system message (read_chatml).
#include <array>

#include "engine/text/chat/chat_formats.h"
#include "engine/text/chat/python_text.h"

namespace gemring {
namespace {

constexpr std::string_view kThinking =
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face. Your role as an assistant involves "
    "thoroughly exploring questions through a systematic thinking process before providing the final precise and "
    "accurate solutions. This requires engaging in a comprehensive cycle of analysis, summarizing, exploration, "
    "reassessment, reflection, backtracking, and iteration to develop well-considered thinking process. Please "
    "structure your response into two main sections: Thought and Solution using the specified format: <think> Thought "
    "section </think> Solution section. In the Thought section, detail your reasoning process in steps. Each step "
    "should include detailed considerations such as analysing questions, summarizing relevant findings, brainstorming "
    "new ideas, verifying the accuracy of the current steps, refining any errors, and revisiting previous steps. In "
    "the Solution section, based on various attempts, explorations, and reflections from the Thought section, "
    "systematically present the final solution that you deem correct. The Solution section should be logical, "
    "accurate, and concise and detail necessary steps needed to reach the conclusion.";
constexpr std::string_view kNotThinking = "You are a helpful AI assistant named SmolLM, trained by Hugging Face.";

/// The system message says "/no_think" or "/think"; neither is part of the instructions.
struct Mode {
  bool thinking = true;
  std::string instructions;
};

Mode read_mode(const ChatInput& in) {
  Mode mode;
  if (const std::string* const system = in.first_system()) {
    mode.thinking = !contains(*system, "/no_think");
    mode.instructions = std::string(python_rstrip(without(without(*system, "/no_think"), "/think")));
  }
  return mode;
}

void render_smollm3(const ChatInput& in, ChatWriter& out) {
  const Mode mode = read_mode(in);
  out.write("<|im_start|>system\n## Metadata\n\nKnowledge Cutoff Date: June 2025\nReasoning Mode: ",
            mode.thinking ? "/think" : "/no_think", "\n\n## Custom Instructions\n\n");
  if (mode.instructions.empty()) {
    out.write(mode.thinking ? kThinking : kNotThinking);
  } else {
    out.write(Literal{mode.instructions});
  }
  out.write("\n\n<|im_end|>\n");
  const std::string_view assistant =
      mode.thinking ? "<|im_start|>assistant\n" : "<|im_start|>assistant\n<think>\n\n</think>\n";
  for (const ChatMessage& message : in.messages) {
    if (message.role == "user" || message.role == "tool") {
      out.write("<|im_start|>user\n", Literal{message.content}, "<|im_end|>\n");
    } else if (message.role == "assistant") {
      out.write(assistant, Literal{python_lstrip(message.content, "\n")}, "<|im_end|>\n");
    }
  }
  if (in.add_generation_prompt) out.write(assistant);
}

constexpr std::array kSmolLmTemplates = {
    KnownTemplate{0x1858c25b7a37288du, "smollm (SmolLM3)", render_smollm3, "<|im_end|>"},
};

}  // namespace

std::span<const KnownTemplate> smollm_templates() {
  return kSmolLmTemplates;
}

}  // namespace gemring
