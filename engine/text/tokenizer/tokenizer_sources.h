// Readers of the two kinds of tokenizer files. Private to engine/text.
#pragma once

#include <string>

#include "engine/text/tokenizer/tokenizer_file.h"

namespace gemring {

/// tokenizer.json at `path`, and the tokenizer_config.json beside it where there is one. Throws ModelFileError where a
/// file is missing or contradicts itself, ConfigError where it asks for what gemring does not do (by name).
TokenizerFile read_tokenizer_json(const std::string& path);

/// The metadata of a GGUF file. Errors as above.
TokenizerFile read_tokenizer_gguf(const std::string& path);

}  // namespace gemring
