// Prompts about a text that was indexed.
#pragma once

#include <vector>

#include "engine/base/types.h"
#include "launch/index/index_file.h"
#include "launch/options/options.h"

namespace gemring {

/// `options` with this text in its place.
PromptOptions prompt_about(const IndexedText& text, PromptOptions options);

/// Throws ConfigError where a prompt (the filter's ids) does not begin with what was indexed: its markup or tokenizer
/// is another one, and all of it would have to be read again.
void check_begins_with(const IndexFile& index, const std::vector<TokenId>& prompt);

}  // namespace gemring
