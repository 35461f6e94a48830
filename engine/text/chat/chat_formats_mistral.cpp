// Mistral: [INST] ... [/INST], in the versions of mistral-common (v1, v3, v3 of the tokenizer Tekken).
#include <array>

#include "engine/text/chat/chat_formats.h"
#include "engine/text/chat/python_text.h"

namespace gemring {
namespace {

constexpr std::string_view kMustAlternateAfterSystem =
    "After the optional system message, conversation roles must alternate user/assistant/user/assistant/...";
constexpr std::string_view kUnknownRole =
    "Only user and assistant roles are supported, with the exception of an initial optional system message!";
constexpr std::string_view kToolCallId = "Tool call IDs should be alphanumeric strings with length 9!";

bool is_tool(const ChatMessage& message) {
  return message.role == "tool" || message.role == "tool_results";
}

/// Throws where a message that is no tool answer is the user's and should not be, or the other way round.
void require_alternating(std::span<const ChatMessage> messages, std::string_view words) {
  std::size_t index = 0;
  for (const ChatMessage& message : messages) {
    if (is_tool(message)) continue;
    if ((message.role == "user") != (index % 2 == 0)) refuse_conversation(words);
    ++index;
  }
}

/// v3: the system message stands in the last message, where that is the user's.
struct V3 {
  std::string_view user_begin;    // "[INST] ", with Tekken without the space
  std::string_view answer_begin;  // " " and "", likewise
  bool trims_answer;
};

void render_v3(const ChatInput& in, ChatWriter& out, const V3& version) {
  const std::string* const system = in.first_system();
  const auto messages = in.messages.subspan(system == nullptr ? 0 : 1);
  require_alternating(messages, kMustAlternateAfterSystem);
  out.write(in.bos());
  for (const ChatMessage& message : messages) {
    if (message.role == "user") {
      out.write(version.user_begin);
      if (system != nullptr && &message == &messages.back()) out.write(Literal{*system}, "\n\n");
      out.write(Literal{message.content}, "[/INST]");
    } else if (message.role == "assistant") {
      const std::string_view content = version.trims_answer ? python_strip(message.content) : message.content;
      out.write(version.answer_begin, Literal{content}, in.eos_to_add());
    } else {
      refuse_conversation(is_tool(message) ? kToolCallId : kUnknownRole);  // messages here carry no tool_call_id
    }
  }
}

/// v1, with the system message in the first question.
void render_v1(const ChatInput& in, ChatWriter& out) {
  const std::string* const system = in.first_system();
  const auto messages = in.messages.subspan(system == nullptr ? 0 : 1);
  out.write(in.bos());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    if ((message.role == "user") != (i % 2 == 0)) refuse_conversation(kMustAlternateAfterSystem);
    if (message.role == "user") {
      out.write(" [INST] ");
      if (system != nullptr && i == 0) out.write(Literal{*system}, "\n\n");
      out.write(Literal{message.content}, " [/INST]");
    } else if (message.role == "assistant") {
      out.write(" ", Literal{message.content}, in.eos_to_add());
    } else {
      refuse_conversation(kUnknownRole);
    }
  }
}

/// Before v1: no system message. `answer_end` follows the end token.
void render_v0(const ChatInput& in, ChatWriter& out, std::string_view answer_end) {
  out.write(in.bos());
  for (std::size_t i = 0; i < in.messages.size(); ++i) {
    const ChatMessage& message = in.messages[i];
    if ((message.role == "user") != (i % 2 == 0)) {
      refuse_conversation("Conversation roles must alternate user/assistant/user/assistant/...");
    }
    if (message.role == "user") {
      out.write("[INST] ", Literal{message.content}, " [/INST]");
    } else if (message.role == "assistant") {
      out.write(Literal{message.content}, in.eos_to_add(), answer_end);
    } else {
      refuse_conversation("Only user and assistant roles are supported!");
    }
  }
}

/// v7: system messages anywhere.
void render_v7(const ChatInput& in, ChatWriter& out) {
  out.write(in.bos());
  for (const ChatMessage& message : in.messages) {
    if (message.role == "user") {
      out.write("[INST] ", Literal{message.content}, "[/INST]");
    } else if (message.role == "system") {
      out.write("[SYSTEM_PROMPT] ", Literal{message.content}, "[/SYSTEM_PROMPT]");
    } else if (message.role == "assistant") {
      out.write(" ", Literal{message.content}, in.eos_to_add());
    } else {
      refuse_conversation("Only user, system and assistant roles are supported!");
    }
  }
}

constexpr std::array kMistralTemplates = {
    KnownTemplate{0x2ea1c33f20b8160du, "mistral (v3, Tekken: Mistral-Nemo)",
                  [](const ChatInput& in, ChatWriter& out) {
                    render_v3(in, out, {"[INST]", "", false});
                  },
                  ""},
    KnownTemplate{0x9bce5323d195216au, "mistral (v3: Mistral-7B-Instruct-v0.3)",
                  [](const ChatInput& in, ChatWriter& out) {
                    render_v3(in, out, {"[INST] ", " ", true});
                  },
                  ""},
    KnownTemplate{0x25db19e847427069u, "mistral (v1)", render_v1, ""},
    KnownTemplate{0xef252d48efd073beu, "mistral (Mistral-7B-Instruct-v0.2, first version)",
                  [](const ChatInput& in, ChatWriter& out) { render_v0(in, out, ""); }, ""},
    KnownTemplate{0xc231135dcec8ddb6u, "mistral (Mistral-7B-Instruct-v0.1, first version)",
                  [](const ChatInput& in, ChatWriter& out) { render_v0(in, out, " "); }, ""},
    KnownTemplate{0xae22634b482517dbu, "mistral (v7: Mistral-Large-2411)", render_v7, ""},
};

}  // namespace

std::span<const KnownTemplate> mistral_templates() {
  return kMistralTemplates;
}

}  // namespace gemring
