#include "engine/text/chat/chat_template.h"

#include <fmt/format.h>

#include <array>

#include "engine/base/error.h"
#include "engine/text/chat/chat_formats.h"
#include "engine/text/chat/chat_template_syntax.h"

namespace gemring {
namespace {

const KnownTemplate* find_known(std::uint64_t wanted) {
  for (const auto group : {qwen_templates(), smollm_templates(), llama_templates(), mistral_templates(),
                           phi_templates(), granite_templates(), gemma_templates(), deepseek_templates()}) {
    for (const KnownTemplate& known : group) {
      if (known.fingerprint == wanted) return &known;
    }
  }
  return nullptr;
}

[[noreturn]] void refuse_template(const std::string& where, const std::string& why) {
  throw ConfigError(
      {where, fmt::format("the chat template is none that gemring knows ({})", why),
       "give the prompt with its markup written out: generate --prompt-file FILE (or --prompt TEXT) without "
       "--chat; special tokens in it are recognised"});
}

}  // namespace

ChatTemplate::ChatTemplate(ChatTemplateSource source) : source_(std::move(source)) {
  if (source_.text.empty()) {
    throw ConfigError({source_.where, "there is no chat template",
                       "a base model has none: give the prompt as it is, without --chat; or name a template with "
                       "--chat-template FILE"});
  }
  const auto items = canonical_template(source_.text);
  if (!items) refuse_template(source_.where, "it uses more of Jinja than is compared");
  const std::uint64_t wanted = fingerprint(*items);
  if (const KnownTemplate* const known = find_known(wanted)) {
    name_ = known->name;
    end_of_turn_ = known->end_of_turn.empty() ? source_.eos.value_or("") : std::string(known->end_of_turn);
    reads_reasoning_ = known->reads_reasoning;
    render_ = known->render;
  } else if (const auto shape = read_chatml(*items)) {
    name_ = "chatml";
    end_of_turn_ = "<|im_end|>";
    render_ = [shape = *shape](const ChatInput& in, ChatWriter& out) { render_chatml(shape, in, out); };
  } else if (auto default_system = read_qwen2(*items)) {
    name_ = "qwen (Qwen2.5)";
    end_of_turn_ = "<|im_end|>";
    render_ = [system = std::move(*default_system)](const ChatInput& in, ChatWriter& out) {
      render_qwen2(system, in, out);
    };
  } else {
    refuse_template(source_.where, fmt::format("fingerprint {:#018x}", wanted));
  }
}

RenderedChat ChatTemplate::render(const Conversation& conversation, std::optional<CalendarDate> date) const {
  for (std::size_t i = 0; i < conversation.messages.size() && !reads_reasoning_; ++i) {
    if (!conversation.messages[i].reasoning) continue;
    throw UsageError({fmt::format("message {}", i + 1),
                      fmt::format("has \"reasoning_content\", which the chat template ({}) does not read", name_),
                      "leave it out, or put the thoughts into the content"});
  }
  RenderedChat rendered;
  ChatWriter writer(rendered, conversation.messages);
  render_(ChatInput(conversation, source_, date), writer);
  return rendered;
}

}  // namespace gemring
