#include "launch/prompts/chat.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/text/chat/python_text.h"
#include "launch/prompts/given_text.h"

namespace gemring {

ChatTemplate open_chat_template(const std::string& model, const ChatOptions& options) {
  ChatTemplateSource source = read_chat_template(model);
  if (options.template_file) {
    source.where = input_name(*options.template_file);
    source.text = read_given_text(*options.template_file, "--chat-template");
  }
  return ChatTemplate(std::move(source));
}

namespace {

/// `text` without the white space that a template may have trimmed, where the message has none.
std::size_t begin_of(std::string_view question, std::string_view content, std::size_t end, const std::string& name) {
  std::string_view asked = question;
  if (!content.ends_with(asked)) asked = python_rstrip(asked);
  if (!content.ends_with(asked)) asked = python_lstrip(asked);  // nothing stands before it
  GEMRING_CHECK(content.ends_with(asked), "the user's message is not the last in the text of template {}", name);
  return end - asked.size();
}

/// `conversation` ends with the user's message; `question`: the end of that message, where it is told.
PromptText rendered_prompt(const ChatTemplate& chat, const ChatOptions& options, const Conversation& conversation,
                           const std::optional<std::string>& question) {
  std::optional<CalendarDate> date;
  if (options.date) date = parse_date(*options.date, "--date");
  RenderedChat rendered = chat.render(conversation, date);

  PromptText prompt;
  prompt.adds_special_tokens = false;  // the template writes those that the model wants
  for (const MessageBytes& part : rendered.contents) {
    prompt.messages.push_back({part.message, conversation.messages[part.message].role == "system", part.bytes});
  }
  if (question && !question->empty()) {
    // The user's message is the last one; templates may trim its ends.
    GEMRING_CHECK(!rendered.contents.empty(), "no message in the text of template {}", chat.name());
    const ByteRange message = rendered.contents.back().bytes;
    const std::string_view content = std::string_view(rendered.text).substr(message.begin, message.end - message.begin);
    prompt.question_begin = begin_of(*question, content, message.end, chat.name());
  }
  prompt.text = std::move(rendered.text);
  prompt.literal = std::move(rendered.literal);
  if (options.answer_prefix) {
    prompt.literal.push_back({prompt.text.size(), prompt.text.size() + options.answer_prefix->size()});
    prompt.text += *options.answer_prefix;
  }
  return prompt;
}

std::string where_messages_are(const ChatOptions& options) {
  return options.messages_file ? fmt::format("--messages {}", *options.messages_file) : "messages";
}

Conversation given_conversation(const PromptOptions& options) {
  const std::string where = where_messages_are(options.chat);
  std::string json = options.chat.messages_file ? read_messages(options) : *options.chat.messages;
  const std::size_t begin = json.find_first_not_of(" \t\r\n");
  if (begin != std::string::npos && json[begin] == '[') json = "{\"messages\": " + json + "}";
  Conversation conversation;
  try {
    conversation = parse_messages(json, ContentParts::joined);
  } catch (const Error& error) {
    throw Error(error.code(), {where, error.what(), error.text().advice});
  }
  if (conversation.messages.empty() || conversation.messages.back().role != "user") {
    throw UsageError({where, "does not end with a message of the user, which is what is to be answered",
                      "put it there; how the answer begins is said with --answer-prefix"});
  }
  if (options.chat.system && conversation.messages.front().role == "system") {
    throw UsageError({"--system", fmt::format("is said in {} too", where), "say it once"});
  }
  return conversation;
}

}  // namespace

PromptText chat_prompt(const ChatTemplate& chat, const ChatOptions& options, std::string user,
                       const std::optional<std::string>& question) {
  Conversation conversation;
  conversation.add_generation_prompt = true;
  if (options.system) conversation.messages.push_back({"system", *options.system, std::nullopt});
  conversation.messages.push_back({"user", join(std::move(user), question).text, std::nullopt});
  return rendered_prompt(chat, options, conversation, question);
}

PromptText messages_prompt(const ChatTemplate& chat, const PromptOptions& options,
                           const std::optional<std::string>& question) {
  Conversation conversation = given_conversation(options);
  conversation.add_generation_prompt = true;
  std::vector<ChatMessage>& messages = conversation.messages;
  if (options.chat.system) messages.insert(messages.begin(), {"system", *options.chat.system, std::nullopt});
  ChatMessage& last = messages.back();
  if (question) {
    last.content = join(std::move(last.content), question).text;
    return rendered_prompt(chat, options.chat, conversation, question);
  }
  std::optional<std::string> asked;
  if (last.last_part) asked = last.content.substr(*last.last_part);
  return rendered_prompt(chat, options.chat, conversation, asked);
}

std::string read_messages(const PromptOptions& options) {
  return checked_text(read_given_text(*options.chat.messages_file, "--messages"), where_messages_are(options.chat),
                      options.invalid_utf8);
}

std::vector<std::int32_t> chat_end_tokens(const ChatTemplate& chat, const Tokenizer& tokenizer) {
  if (chat.end_of_turn().empty()) return {};
  const Encoding encoding = tokenizer.encode(chat.end_of_turn(), {.add_bos = false});
  if (encoding.ids.size() != 1 || !tokenizer.is_special(encoding.ids[0])) return {};
  return {encoding.ids[0].value()};
}

}  // namespace gemring
