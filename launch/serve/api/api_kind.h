// The interfaces that the service speaks. Header only.
#pragma once

namespace gemring {

enum class ApiKind : int {
  completion,  // OpenAI's POST /v1/completions
  chat,        // OpenAI's POST /v1/chat/completions
  responses,   // OpenAI's POST /v1/responses
  messages,    // Anthropic's POST /v1/messages
  text,        // gemring's POST /v1/texts
  selection,   // gemring's POST /v1/texts/ID/select
};

}  // namespace gemring
