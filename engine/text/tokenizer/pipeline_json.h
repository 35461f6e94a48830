// What stands around the model in a tokenizer.json: normalizer, pre_tokenizer, decoder. Private to engine/text.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/text/tokenizer/tokenizer_file.h"

namespace gemring {

/// Whether `key` is absent or null.
bool absent(const nlohmann::json& object, const char* key);

std::string type_of(const nlohmann::json& part);

/// Throws ModelFileError for anything but a whole number that is not negative; nlohmann would cut a fraction off, and
/// do anything with one beyond 64 bits.
std::uint64_t natural_number(const nlohmann::json& value, const std::string& where);

/// The parts of root[key]: those of its `list` where it is a Sequence (also in a Sequence), itself where it is none.
std::vector<nlohmann::json> parts_of(const nlohmann::json& root, const char* key, const char* list);

/// Throws ConfigError for what gemring does not do, by name; nlohmann's exceptions where a part has not its form.
void read_normalizer(const nlohmann::json& root, const std::string& where, TokenizerFile& file);

/// Returns whether the words are bytes in ByteLevel's alphabet.
bool read_pre_tokenizer(const nlohmann::json& root, const std::string& where, TokenizerFile& file);

/// Turns file.bytes from the entries as written into what decoding makes of each, and fills file.decoder. A file
/// without a decoder is taken as byte-level where its words are.
void read_decoder(const nlohmann::json& root, bool byte_level, const std::string& where, TokenizerFile& file);

}  // namespace gemring
