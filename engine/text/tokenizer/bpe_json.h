// The "model" of a tokenizer.json. Private to engine/text.
#pragma once

#include <string>

#include "engine/text/tokenizer/tokenizer_document.h"
#include "engine/text/tokenizer/tokenizer_file.h"

namespace gemring {

/// Fills file.bpe, and file.bytes (the entries as they are written) and file.kinds for the model's own tokens. Needs
/// file.added and file.stages: byte-level is what has the stage ByteLevel. `where`: the path, for errors.
void read_bpe_model(const TokenizerDocument& document, bool byte_level, const std::string& where, TokenizerFile& file);

}  // namespace gemring
