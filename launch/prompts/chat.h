// Chat on the command line: which template, and the prompt that --chat makes of the options. Rank 0 alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/text/chat/chat_template.h"
#include "launch/options/options.h"
#include "launch/prompts/prompt.h"

namespace gemring {

/// The template of --chat-template FILE, else the model's own (read_chat_template); the special tokens' texts are the
/// model's in any case. Throws ConfigError where there is none or gemring does not know it, ModelFileError, UsageError
/// (FILE).
ChatTemplate open_chat_template(const std::string& model, const ChatOptions& options);

/// [--system], then `user` with the question behind it (on a line of its own) as the user's message, then the
/// template's opening of the assistant's turn, then --answer-prefix. What these options say is literal: special tokens
/// in there stay text. Throws UsageError where the template refuses the conversation.
PromptText chat_prompt(const ChatTemplate& chat, const ChatOptions& options, std::string user,
                       const std::optional<std::string>& question);

/// A whole conversation (--messages, or "messages" of a request) that ends with a user's message, then as
/// chat_prompt(). The file may hold the array alone. `question` goes behind the last message; where there is none,
/// the last of several parts of that message's content is the question. Throws UsageError: no such conversation,
/// --system beside a system message in it.
PromptText messages_prompt(const ChatTemplate& chat, const PromptOptions& options,
                           const std::optional<std::string>& question);

/// The text of --messages FILE, checked to be UTF-8. Throws UsageError.
std::string read_messages(const PromptOptions& options);

/// The ids that end the assistant's turn beside those of the model's own files: the template's token for it, where the
/// tokenizer has it as a special token.
std::vector<std::int32_t> chat_end_tokens(const ChatTemplate& chat, const Tokenizer& tokenizer);

}  // namespace gemring
