#include "launch/prompts/chat.h"

#include "engine/base/check.h"
#include "engine/text/chat/python_text.h"

namespace gemring {

ChatTemplate open_chat_template(const std::string& model, const ChatOptions& options) {
  ChatTemplateSource source = read_chat_template(model);
  if (options.template_file) {
    source.where = *options.template_file;
    source.text = read_text_file(*options.template_file, "--chat-template");
  }
  return ChatTemplate(std::move(source));
}

PromptText chat_prompt(const ChatTemplate& chat, const ChatOptions& options, std::string user,
                       const std::optional<std::string>& question) {
  Conversation conversation;
  conversation.add_generation_prompt = true;
  if (options.system) conversation.messages.push_back({"system", *options.system, std::nullopt});
  conversation.messages.push_back({"user", join(std::move(user), question).text, std::nullopt});
  std::optional<CalendarDate> date;
  if (options.date) date = parse_date(*options.date, "--date");
  RenderedChat rendered = chat.render(conversation, date);

  PromptText prompt;
  prompt.adds_special_tokens = false;  // the template writes those that the model wants
  if (question && !question->empty()) {
    // The user's message is the last one, so what it holds is the last that is literal; templates may trim its ends.
    GEMRING_CHECK(!rendered.literal.empty(), "no message in the text of template {}", chat.name());
    const ByteRange message = rendered.literal.back();
    const std::string_view content = std::string_view(rendered.text).substr(message.begin, message.end - message.begin);
    std::string_view asked = *question;
    if (!content.ends_with(asked)) asked = python_rstrip(asked);
    if (!content.ends_with(asked)) asked = python_lstrip(asked);  // nothing stands before it
    GEMRING_CHECK(content.ends_with(asked), "the user's message is not the last in the text of template {}",
                  chat.name());
    prompt.question_begin = message.end - asked.size();
  }
  prompt.text = std::move(rendered.text);
  prompt.literal = std::move(rendered.literal);
  if (options.answer_prefix) {
    prompt.literal.push_back({prompt.text.size(), prompt.text.size() + options.answer_prefix->size()});
    prompt.text += *options.answer_prefix;
  }
  return prompt;
}

std::vector<std::int32_t> chat_end_tokens(const ChatTemplate& chat, const Tokenizer& tokenizer) {
  if (chat.end_of_turn().empty()) return {};
  const Encoding encoding = tokenizer.encode(chat.end_of_turn(), {.add_bos = false});
  if (encoding.ids.size() != 1 || !tokenizer.is_special(encoding.ids[0])) return {};
  return {encoding.ids[0].value()};
}

}  // namespace gemring
