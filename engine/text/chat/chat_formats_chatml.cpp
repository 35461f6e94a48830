// ChatML: <|im_start|>ROLE, a line end, the text, <|im_end|>, a line end.
#include <array>

#include "engine/text/chat/chat_formats.h"
#include "engine/text/chat/python_text.h"

namespace gemring {
namespace {

constexpr std::string_view kSystemBegin = "<|im_start|>system\n", kTurnEnd = "<|im_end|>\n";

/// Reads items from the front, each only where it is what is wanted.
class ItemReader {
 public:
  explicit ItemReader(std::span<const TemplateItem> items) : items_(items) {}

  bool expression(std::string_view words) { return take(TemplateItem::Kind::expression, words); }
  bool statement(std::string_view words) { return take(TemplateItem::Kind::statement, words); }
  bool text(std::string_view value) { return take(TemplateItem::Kind::text, value); }
  bool at_end() const { return items_.empty(); }

  /// A text that begins and ends so.
  std::optional<std::string> text_between(std::string_view begin, std::string_view end) {
    if (items_.empty() || items_[0].kind != TemplateItem::Kind::text) return std::nullopt;
    const std::string& value = items_[0].value;
    if (value.size() < begin.size() + end.size() || !value.starts_with(begin) || !value.ends_with(end)) {
      return std::nullopt;
    }
    items_ = items_.subspan(1);
    return value;
  }

 private:
  bool take(TemplateItem::Kind kind, std::string_view value) {
    if (items_.empty() || items_[0].kind != kind || items_[0].value != value) return false;
    items_ = items_.subspan(1);
    return true;
  }

  std::span<const TemplateItem> items_;
};

}  // namespace

// [bos_token] for message in messages: [default system turn, before the first that is none] turn; [generation prompt]
std::optional<ChatmlShape> read_chatml(const std::vector<TemplateItem>& items) {
  ItemReader reader(items);
  ChatmlShape shape;
  shape.writes_bos = reader.expression("bos_token");
  if (!reader.statement("for message in messages")) return std::nullopt;
  if (reader.statement(R"(if loop . first and messages [ 0 ] . role != "system")")) {
    shape.default_system = reader.text_between(kSystemBegin, kTurnEnd);
    if (!shape.default_system || !reader.statement("endif")) return std::nullopt;
  }
  if (!reader.text("<|im_start|>") || !reader.expression("message . role") || !reader.text("\n")) return std::nullopt;
  shape.trims_content = reader.expression("message . content | trim");
  if (!shape.trims_content && !reader.expression("message . content")) return std::nullopt;
  if (!reader.text(kTurnEnd) || !reader.statement("endfor")) return std::nullopt;
  if (reader.at_end()) return shape;
  if (!reader.statement("if add_generation_prompt")) return std::nullopt;
  const auto prompt = reader.text_between("<|im_start|>assistant\n", "");
  if (!prompt || !reader.statement("endif") || !reader.at_end()) return std::nullopt;
  shape.generation_prompt = *prompt;
  return shape;
}

void render_chatml(const ChatmlShape& shape, const ChatInput& in, ChatWriter& out) {
  if (shape.writes_bos) out.write(in.bos());
  if (shape.default_system && !in.messages.empty() && in.messages[0].role != "system") out.write(*shape.default_system);
  for (const ChatMessage& message : in.messages) {
    const std::string_view content = shape.trims_content ? python_strip(message.content) : message.content;
    out.write("<|im_start|>", Literal{message.role}, "\n", Literal{content}, kTurnEnd);
  }
  if (in.add_generation_prompt) out.write(shape.generation_prompt);
}

}  // namespace gemring
