// DeepSeek V2 to R1 and the models distilled from it. The bars and the low lines in its tokens are U+FF5C and U+2581.
#include <array>

#include "engine/text/chat/chat_formats.h"
#include "engine/text/chat/python_text.h"

namespace gemring {
namespace {

/// What the templates of V3 and R1 differ in.
struct R1 {
  std::string_view generation_prompt = "<｜Assistant｜><think>\n";
  bool drops_thoughts = true;                  // of answers: what stands before </think>
  bool joins_systems = false;                  // all system messages count, not only the last
  bool question_opens_answer = false;          // a question ends with <｜Assistant｜>
  std::string_view before_next_output = "\n";  // between outputs of tools
};

std::string system_text(std::span<const ChatMessage> messages, bool joined) {
  std::string text;
  bool first = true;
  for (const ChatMessage& message : messages) {
    if (message.role != "system") continue;
    if (!joined) text.clear();
    if (joined && !first) text += "\n\n";
    text += message.content;
    first = false;
  }
  return text;
}

/// V3 and R1: system messages stand in front, wherever they were; outputs of tools are open until the assistant
/// answers.
void render_r1(const ChatInput& in, ChatWriter& out, const R1& style) {
  out.write(in.bos(), Literal{system_text(in.messages, style.joins_systems)});
  const std::string_view assistant = "<｜Assistant｜>";
  bool outputs_open = false, first_output = true, behind_question = false;
  for (const ChatMessage& message : in.messages) {
    const bool is_answer = message.role == "assistant";
    const std::string_view content = message.content;
    if (message.role == "user") {
      out.write("<｜User｜>", Literal{content}, style.question_opens_answer ? assistant : "");
      outputs_open = false;
      behind_question = true;
    } else if (is_answer) {
      const bool drops = style.drops_thoughts && (style.question_opens_answer || !outputs_open);
      const std::string_view before = style.question_opens_answer ? "" : assistant;
      out.write(outputs_open ? "<｜tool▁outputs▁end｜>" : before,
                Literal{drops ? after_last(content, "</think>") : content}, "<｜end▁of▁sentence｜>");
      outputs_open = behind_question = false;
    } else if (message.role == "tool") {
      out.write(first_output ? "<｜tool▁outputs▁begin｜>" : style.before_next_output, "<｜tool▁output▁begin｜>",
                Literal{content}, "<｜tool▁output▁end｜>");
      outputs_open = true;
      first_output = behind_question = false;
    }
  }
  if (outputs_open) {
    out.write("<｜tool▁outputs▁end｜>");
  } else if (in.add_generation_prompt && !(style.question_opens_answer && behind_question)) {
    out.write(style.generation_prompt);
  }
}

void render_v2(const ChatInput& in, ChatWriter& out) {
  out.write(in.bos());
  for (const ChatMessage& message : in.messages) {
    if (message.role == "user") out.write("User: ", Literal{message.content}, "\n\n");
    if (message.role == "assistant") out.write("Assistant: ", Literal{message.content}, in.eos_to_add());
    if (message.role == "system") out.write(Literal{message.content}, "\n\n");
  }
  if (in.add_generation_prompt) out.write("Assistant:");
}

constexpr std::string_view kEndOfSentence = "<｜end▁of▁sentence｜>";

constexpr std::array kDeepSeekTemplates = {
    KnownTemplate{0x7ab003278eeff214u, "deepseek (R1 distill)",
                  [](const ChatInput& in, ChatWriter& out) { render_r1(in, out, {}); }, kEndOfSentence},
    KnownTemplate{
        0xcb973ad28fcfbd70u, "deepseek (R1 distill, without <think>)",
        [](const ChatInput& in, ChatWriter& out) { render_r1(in, out, {.generation_prompt = "<｜Assistant｜>"}); },
        kEndOfSentence},
    KnownTemplate{0xae2a29a2a30b69d3u, "deepseek (R1 distill, several system messages)",
                  [](const ChatInput& in, ChatWriter& out) {
                    render_r1(in, out, {.joins_systems = true, .before_next_output = ""});
                  },
                  kEndOfSentence},
    KnownTemplate{0xa52f6921b445563bu, "deepseek (R1-0528-Qwen3)",
                  [](const ChatInput& in, ChatWriter& out) {
                    render_r1(
                        in, out,
                        {.generation_prompt = "<｜Assistant｜>", .joins_systems = true, .question_opens_answer = true});
                  },
                  kEndOfSentence},
    KnownTemplate{0x46bec75f6ba5bf85u, "deepseek (V3-0324)",
                  [](const ChatInput& in, ChatWriter& out) {
                    render_r1(in, out,
                              {.generation_prompt = "<｜Assistant｜>",
                               .drops_thoughts = false,
                               .joins_systems = true,
                               .question_opens_answer = true});
                  },
                  kEndOfSentence},
    KnownTemplate{0xd1a65e8ebb4bd3a3u, "deepseek (V2)", render_v2, ""},
};

}  // namespace

std::span<const KnownTemplate> deepseek_templates() {
  return kDeepSeekTemplates;
}

}  // namespace gemring
