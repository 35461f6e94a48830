// What a tokenizer runs on, whatever kind of file it was read from. Private to engine/text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/types.h"
#include "engine/text/tokenizer/added_tokens.h"
#include "engine/text/tokenizer/bpe.h"
#include "engine/text/tokenizer/decoder.h"
#include "engine/text/unicode/normalizer.h"
#include "engine/text/unicode/pre_tokenizer.h"

namespace gemring {

enum class TokenKind : std::uint8_t {
  absent,   // no token has the id
  text,     // its bytes are part of the text
  byte,     // <0x0A>: stands for one byte
  special,  // found in the text, left out of it
};

struct TokenizerFile {
  std::vector<std::string> bytes;  // by id: what decoding makes of the token
  std::vector<TokenKind> kinds;    // by id
  std::vector<AddedToken> added;
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizerStage> stages;
  BpeModel bpe;
  DecoderRules decoder;
  /// decoder.first_loses_its_spaces, for tokens that hold real spaces besides: what is left of one that stands first.
  std::unordered_map<TokenId, std::string> first_bytes;
  std::vector<TokenId> prefix;  // BOS, where the files ask for it
  std::vector<TokenId>
      unused;  // ascending; a text stands there, but the file says that no answer has it (GGUF: padding)
};

/// Entry -> id; the views are into whatever holds the file.
using Vocabulary = std::unordered_map<std::string_view, TokenId>;

/// Makes room for `id` in file.bytes and file.kinds. Throws ModelFileError where it is negative or out of proportion to
/// the number of `tokens` in the file, which bounds the memory.
void make_room(TokenizerFile& file, std::int64_t id, std::string_view content, std::size_t tokens,
               const std::string& where);

/// <0x00> to <0xFF>: the byte; nothing for other entries.
std::optional<unsigned char> byte_of_entry(std::string_view entry);

/// Takes `entry` apart: the byte tokens of `vocabulary` for byte_fallback.
void add_byte_tokens(const Vocabulary& vocabulary, BpeModel& bpe);

/// Fills bpe.cutter from all else of it. `entry_of(symbol)` is the text of a token or stand-in. Nothing for a
/// byte-level model, whose words are short.
void add_word_cutter(const std::vector<std::string_view>& entries, BpeModel& bpe);

/// Throws ConfigError: what `where` asks for and gemring does not do.
[[noreturn]] void refuse(const std::string& where, const std::string& what);

}  // namespace gemring
