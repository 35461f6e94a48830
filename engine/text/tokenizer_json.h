// tokenizer.json and tokenizer_config.json of a model directory, read into what the tokenizer runs on.
#pragma once

#include <string>
#include <vector>

#include "engine/base/types.h"
#include "engine/text/added_tokens.h"
#include "engine/text/bpe.h"
#include "engine/text/pre_tokenizer.h"

namespace gemring {

struct TokenizerFile {
  std::vector<std::string> bytes;  // by id; added tokens: their text. Empty where an id has no token
  std::vector<bool> special;       // by id
  std::vector<AddedToken> added;
  std::vector<SplitStage> stages;
  BpeModel bpe;
  std::vector<TokenId> prefix;  // BOS, where the files ask for it
};

/// Throws ModelFileError where a file is missing or contradicts itself, ConfigError where it asks for what gemring does
/// not do (each normaliser, pre-tokeniser, model or post-processor is named).
TokenizerFile read_tokenizer(const std::string& model_directory);

}  // namespace gemring
