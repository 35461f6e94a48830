// Readers of the two kinds of tokenizer files. Private to engine/text.
#pragma once

#include <cstdint>
#include <string>

#include "engine/text/tokenizer/tokenizer_file.h"

namespace gemring {

/// Of a tokenizer.json, in bytes: the largest vocabularies (2^18 tokens) take 35 MB.
inline constexpr std::uint64_t kLargestTokenizerFile = 256u << 20;

/// tokenizer.json at `path`, and the tokenizer_config.json beside it where there is one. Throws ModelFileError where a
/// file is missing or contradicts itself, ConfigError where it asks for what gemring does not do (by name).
TokenizerFile read_tokenizer_json(const std::string& path);

/// The metadata of a GGUF file. Errors as above.
TokenizerFile read_tokenizer_gguf(const std::string& path);

}  // namespace gemring
