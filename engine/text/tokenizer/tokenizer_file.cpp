#include "engine/text/tokenizer/tokenizer_file.h"

#include <fmt/format.h>

#include "engine/base/error.h"
#include "engine/text/unicode/utf8.h"

namespace gemring {

void refuse(const std::string& where, const std::string& what) {
  throw ConfigError({where, what + " is not supported",
                     "gemring reads BPE: byte-level (Split, Digits, Punctuation, Whitespace, ByteLevel) and "
                     "SentencePiece's (Metaspace, or Prepend and Replace), with NFC where the file asks for it"});
}

void make_room(TokenizerFile& file, std::int64_t id, std::string_view content, std::size_t tokens,
               const std::string& where) {
  // Vocabularies have holes, but not more of them than tokens by far.
  const auto limit = static_cast<std::int64_t>(std::min<std::size_t>(16 * tokens + (1u << 16), 1u << 24));
  if (id < 0 || id >= limit) {
    throw ModelFileError(
        {where, fmt::format("token \"{}\" has id {}; {} tokens have ids in 0..{}", content, id, tokens, limit - 1),
         "the file is damaged or was edited; get it again"});
  }
  if (file.bytes.size() <= static_cast<std::size_t>(id)) {
    file.bytes.resize(static_cast<std::size_t>(id) + 1);
    file.kinds.resize(file.bytes.size(), TokenKind::absent);
  }
}

std::optional<unsigned char> byte_of_entry(std::string_view entry) {
  if (entry.size() != 6 || !entry.starts_with("<0x") || entry[5] != '>') return std::nullopt;
  unsigned value = 0;
  for (const char digit : entry.substr(3, 2)) {
    const bool decimal = digit >= '0' && digit <= '9';
    if (!decimal && !(digit >= 'A' && digit <= 'F')) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(decimal ? digit - '0' : digit - 'A' + 10);
  }
  return static_cast<unsigned char>(value);
}

void add_byte_tokens(const Vocabulary& vocabulary, BpeModel& bpe) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto found = vocabulary.find(fmt::format("<0x{:02X}>", byte));
    if (found != vocabulary.end()) bpe.byte_tokens[byte] = found->second;
  }
}

namespace {

char32_t first_code(std::string_view entry) {
  return code_point(entry.substr(0, utf8_sequence(entry).length));
}

char32_t last_code(std::string_view entry) {
  std::size_t begin = entry.size() - 1;
  while (begin > 0 && (static_cast<unsigned char>(entry[begin]) & 0xC0) == 0x80) --begin;
  return code_point(entry.substr(begin));
}

}  // namespace

void add_word_cutter(const std::vector<std::string_view>& entries, BpeModel& bpe) {
  if (bpe.byte_level || !bpe.whole_words.empty()) return;
  WordCutter cutter;
  bool known = true;
  bpe.merges.for_each([&](TokenId left, TokenId right, const Merge&) {
    const std::string_view before = entries[left.index()], behind = entries[right.index()];
    // A byte token's entry is not what it stands for.
    known = known && !byte_of_entry(before) && !byte_of_entry(behind) && !before.empty() && !behind.empty();
    if (known) cutter.add_join(last_code(before), first_code(behind));
  });
  if (!known) return;
  for (char32_t code = 0; code < 0x80; ++code) {
    if (bpe.characters.find(code) || bpe.byte_tokens[code]) cutter.allow(code);
  }
  if (bpe.characters.find(0x2581)) cutter.allow(0x2581);
  bpe.cutter = cutter;
}

}  // namespace gemring
