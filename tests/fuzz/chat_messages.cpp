#include "engine/text/chat/chat_messages.h"

#include "engine/base/check.h"
#include "engine/text/chat/chat_formats.h"
#include "engine/text/chat/chat_template.h"
#include "tests/fuzz/entries.h"
#include "tests/fuzz/scratch.h"

namespace gemring::fuzz {
namespace {

constexpr CalendarDate kDate{2024, 7, 26};

void check_rendered(const RenderedChat& chat) {
  std::size_t done = 0;
  for (const ByteRange& range : chat.literal) {
    GEMRING_CHECK(done <= range.begin && range.begin <= range.end && range.end <= chat.text.size(), "{}..{} of {}",
                  range.begin, range.end, chat.text.size());
    done = range.end;
  }
}

/// Every published format; their templates themselves are too long for a corpus.
void render_all(const Conversation& conversation) {
  Attempts attempt;
  for (const auto group : {qwen_templates(), smollm_templates(), llama_templates(), mistral_templates(),
                           phi_templates(), granite_templates(), gemma_templates(), deepseek_templates()}) {
    for (const KnownTemplate& known : group) {
      for (const bool has_tokens : {true, false}) {
        ChatTemplateSource source{"a template", "", {}, {}};
        if (has_tokens) source.bos = source.eos = "<s>";
        attempt([&] {
          RenderedChat chat;
          ChatWriter writer(chat, conversation.messages);
          known.render(ChatInput(conversation, source, kDate), writer);
          check_rendered(chat);
        });
      }
    }
  }
}

}  // namespace

void read_chat_messages(std::string_view bytes) {
  const auto [messages, text, unused] = parts_of(bytes);
  const Conversation conversation = parse_messages(messages);
  GEMRING_CHECK(messages.find('\0') == std::string_view::npos, "a zero byte was taken for the end");
  render_all(conversation);
  if (text.empty()) return;
  check_rendered(ChatTemplate({"a template", std::string(text), "<s>", "</s>"}).render(conversation, kDate));
}

}  // namespace gemring::fuzz
