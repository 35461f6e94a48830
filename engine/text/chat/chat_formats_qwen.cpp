// Qwen 2.5 and 3: ChatML with a default system message, tool answers inside a user's turn, and thoughts.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/text/chat/chat_formats.h"
#include "engine/text/chat/python_text.h"

namespace gemring {
namespace {

constexpr std::string_view kAssistant = "<|im_start|>assistant\n",
                           kThinkingAssistant = "<|im_start|>assistant\n<think>\n";

void write_turn(const ChatMessage& message, ChatWriter& out) {
  out.write("<|im_start|>", Literal{message.role}, "\n", Literal{message.content}, "<|im_end|>\n");
}

/// Tool answers that follow each other share a user's turn.
void write_tool_answer(std::span<const ChatMessage> messages, std::size_t i, ChatWriter& out) {
  if (i == 0 || messages[i - 1].role != "tool") out.write("<|im_start|>user");
  out.write("\n<tool_response>\n", Literal{messages[i].content}, "\n</tool_response>");
  if (i + 1 == messages.size() || messages[i + 1].role != "tool") out.write("<|im_end|>\n");
}

/// An assistant's message as Qwen3 reads it: what stands before </think> is thought.
struct Answer {
  std::string_view thought, content;
};

Answer read_answer(const ChatMessage& message) {
  const std::string_view content = message.content;
  if (message.reasoning) return {*message.reasoning, content};
  if (!contains(content, "</think>")) return {{}, content};
  const std::string_view thought = after_last(python_rstrip(before_first(content, "</think>"), "\n"), "<think>");
  return {python_lstrip(thought, "\n"), python_lstrip(after_last(content, "</think>"), "\n")};
}

/// The last message of the user that is no tool answer; the last message where there is none.
std::size_t last_query(std::span<const ChatMessage> messages) {
  for (std::size_t i = messages.size(); i-- > 0;) {
    const std::string_view content = messages[i].content;
    const bool tool_answer = content.starts_with("<tool_response>") && content.ends_with("</tool_response>");
    if (messages[i].role == "user" && !tool_answer) return i;
  }
  return messages.size() - 1;
}

void render_qwen3(const ChatInput& in, ChatWriter& out, std::string_view generation_prompt) {
  if (in.first().role == "system") write_turn(in.first(), out);
  const std::size_t query = last_query(in.messages);
  for (std::size_t i = 0; i < in.messages.size(); ++i) {
    const ChatMessage& message = in.messages[i];
    if (message.role == "user" || (message.role == "system" && i > 0)) {
      write_turn(message, out);
    } else if (message.role == "assistant") {
      const auto [thought, content] = read_answer(message);
      out.write("<|im_start|>assistant\n");
      if (i > query && (i + 1 == in.messages.size() || !thought.empty())) {
        out.write("<think>\n", Literal{python_strip(thought, "\n")}, "\n</think>\n\n",
                  Literal{python_lstrip(content, "\n")});
      } else {
        out.write(Literal{content});
      }
      out.write("<|im_end|>\n");
    } else if (message.role == "tool") {
      write_tool_answer(in.messages, i, out);
    }
  }
  if (in.add_generation_prompt) out.write(generation_prompt);
}

/// QwQ: no default system message; thoughts are left out of answers, of a last one only where `of_last_too`.
void render_qwq(const ChatInput& in, ChatWriter& out, bool of_last_too) {
  if (in.first().role == "system") write_turn(in.first(), out);
  for (std::size_t i = 0; i < in.messages.size(); ++i) {
    const ChatMessage& message = in.messages[i];
    const bool whole_answer = message.role == "assistant" && i + 1 == in.messages.size() && !of_last_too;
    if (message.role == "user" || (message.role == "system" && i > 0) || whole_answer) {
      write_turn(message, out);
    } else if (message.role == "assistant") {
      const std::string_view answer = python_lstrip(after_last(message.content, "</think>"), "\n");
      out.write("<|im_start|>assistant\n", Literal{answer}, "<|im_end|>\n");
    } else if (message.role == "tool") {
      write_tool_answer(in.messages, i, out);
    }
  }
  if (in.add_generation_prompt) out.write(kThinkingAssistant);
}

constexpr std::string_view kQwen25System = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";

// Of Qwen2.5's template with kQwen25System as the default: as published, and with other words about tools (Coder, 1M).
constexpr std::array<std::uint64_t, 2> kQwen25 = {0xbab2ddeefddad99cu, 0xb6a5cc62e6b0946eu};

constexpr std::array kQwenTemplates = {
    KnownTemplate{0x1362df488627eaabu, "qwen (Qwen3)",
                  [](const ChatInput& in, ChatWriter& out) { render_qwen3(in, out, kAssistant); }, "<|im_end|>", true},
    KnownTemplate{0x5766fdb09caa2017u, "qwen (Qwen3-2507)",
                  [](const ChatInput& in, ChatWriter& out) { render_qwen3(in, out, kAssistant); }, "<|im_end|>", true},
    KnownTemplate{0x83ba6a4199fdebd3u, "qwen (Qwen3-Thinking-2507)",
                  [](const ChatInput& in, ChatWriter& out) { render_qwen3(in, out, kThinkingAssistant); }, "<|im_end|>",
                  true},
    KnownTemplate{0x7411ce8c02003e3fu, "qwen (QwQ)",
                  [](const ChatInput& in, ChatWriter& out) { render_qwq(in, out, false); }, "<|im_end|>"},
    KnownTemplate{0x5364f68f810fd13fu, "qwen (QwQ, first version)",
                  [](const ChatInput& in, ChatWriter& out) { render_qwq(in, out, true); }, "<|im_end|>"},
};

}  // namespace

std::optional<std::string> read_qwen2(std::vector<TemplateItem> items) {
  constexpr std::size_t kDefault = 5;  // behind: if tools, system turn's begin, if, the conversation's own, else
  if (items.size() <= kDefault || items[kDefault].kind != TemplateItem::Kind::text) return std::nullopt;
  const std::string default_system = items[kDefault].value;
  const auto turn = [](std::string_view content) { return fmt::format("<|im_start|>system\n{}<|im_end|>\n", content); };
  const auto written =
      std::find(items.begin(), items.end(), TemplateItem{TemplateItem::Kind::text, turn(default_system)});
  if (written == items.end()) return std::nullopt;
  items[kDefault].value = kQwen25System;
  written->value = turn(kQwen25System);
  const bool known = std::find(kQwen25.begin(), kQwen25.end(), fingerprint(items)) != kQwen25.end();
  return known ? std::optional(default_system) : std::nullopt;
}

void render_qwen2(std::string_view default_system, const ChatInput& in, ChatWriter& out) {
  const std::string* const system = in.first_system();
  out.write("<|im_start|>system\n");
  system == nullptr ? out.write(default_system) : out.write(Literal{*system});
  out.write("<|im_end|>\n");
  for (std::size_t i = 0; i < in.messages.size(); ++i) {
    const ChatMessage& message = in.messages[i];
    if (message.role == "user" || message.role == "assistant" || (message.role == "system" && i > 0)) {
      write_turn(message, out);
    } else if (message.role == "tool") {
      write_tool_answer(in.messages, i, out);
    }
  }
  if (in.add_generation_prompt) out.write(kAssistant);
}

std::span<const KnownTemplate> qwen_templates() {
  return kQwenTemplates;
}

}  // namespace gemring
