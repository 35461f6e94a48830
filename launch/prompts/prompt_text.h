// The text of a prompt, and where in it is what. Header only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "engine/text/unicode/byte_range.h"

namespace gemring {

/// What a message of a conversation put into the prompt.
struct MessagePart {
  std::size_t message;  // number in the conversation
  bool system;          // it is a system message
  ByteRange bytes;
};

struct PromptText {
  std::string text;
  std::optional<std::size_t> question_begin;  // byte of its first character, where it is told
  std::vector<ByteRange> literal = {};        // special tokens in there stay text
  bool adds_special_tokens = true;            // false: BOS is there already where the model wants it
  std::vector<MessagePart> messages = {};     // of a chat, ascending, apart; the last is of the message to be answered
};

}  // namespace gemring
