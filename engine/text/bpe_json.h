// The "model" of a tokenizer.json. Private to engine/text.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/text/tokenizer_json.h"

namespace gemring {

/// Fills file.bytes, file.special (sized) and file.bpe. `where`: the path, for errors.
void read_bpe_model(const nlohmann::json& model, const std::string& where, TokenizerFile& file);

/// Makes room for `id` in file.bytes and file.special. Throws ModelFileError where it is negative or absurdly large.
void make_room(TokenizerFile& file, std::int64_t id, const std::string& content, const std::string& where);

/// Throws ConfigError: what `where` asks for and gemring does not do.
[[noreturn]] void refuse(const std::string& where, const std::string& what);

}  // namespace gemring
