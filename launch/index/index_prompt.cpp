#include "launch/index/index_prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/base/error.h"

namespace gemring {

PromptOptions prompt_about(const IndexedText& text, PromptOptions options) {
  options.text = text.text;
  options.chat.on = text.chat;
  options.chat.system = text.system;
  options.chat.date = text.date;
  return options;
}

void check_begins_with(const IndexFile& index, const std::vector<TokenId>& prompt) {
  const std::vector<TokenId>& ids = index.head().read.ids;
  const auto differs = std::mismatch(ids.begin(), ids.end(), prompt.begin(), prompt.end());
  if (differs.first == ids.end()) return;
  throw ConfigError({index.path(),
                     fmt::format("has other tokens than the prompt from position {} on: the chat template or the "
                                 "tokenizer is not the one that made it",
                                 differs.first - ids.begin()),
                     "give the same --chat-template, or make it again with gemring index"});
}

}  // namespace gemring
