#include "engine/text/tokenizer/bpe_json.h"

#include <fmt/format.h>

#include <unordered_set>

#include "engine/base/error.h"
#include "engine/text/tokenizer/byte_map.h"
#include "engine/text/unicode/utf8.h"

namespace gemring {

namespace {

using Json = nlohmann::json;

bool is_set(const Json& model, const char* key) {
  const auto found = model.find(key);
  return found != model.end() && !found->is_null() && *found != false && *found != "" && *found != 0;
}

void refuse_variants(const Json& model, const TokenizerDocument& document, const std::string& where) {
  const std::string type = model.value("type", model.contains("merges") ? "BPE" : "");  // old files leave it out
  if (type != "BPE") refuse(where, fmt::format("model {}", type.empty() ? "without a type" : type));
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix", "dropout"}) {
    if (is_set(model, key)) refuse(where, fmt::format("model BPE with {} {}", key, model[key].dump()));
  }
  if (!document.vocabulary_is_object) throw ModelFileError({where, "the model's vocab is missing or no object", ""});
}

TokenId token_of(const Vocabulary& vocabulary, std::string_view entry, const std::string& where) {
  const auto found = vocabulary.find(entry);
  if (found != vocabulary.end()) return found->second;
  throw ModelFileError({where, fmt::format("the merges need token \"{}\", which the vocabulary does not have", entry),
                        "the file is damaged or was edited; get it again"});
}

Vocabulary read_vocabulary(const TokenizerDocument& document, const std::string& where, TokenizerFile& file) {
  Vocabulary vocabulary;
  vocabulary.reserve(document.vocabulary.size());
  const std::size_t tokens = document.vocabulary.size() + file.added.size();
  for (const auto& [entry, id] : document.vocabulary) {
    make_room(file, id, entry, tokens, where);
    TokenKind& kind = file.kinds[static_cast<std::size_t>(id)];
    if (kind != TokenKind::absent) {
      throw ModelFileError({where, fmt::format("token \"{}\" has id {}, which another token has", entry, id), ""});
    }
    if (!vocabulary.emplace(entry, TokenId(id)).second) {
      throw ModelFileError({where, fmt::format("token \"{}\" stands twice in the vocabulary", entry), ""});
    }
    kind = TokenKind::text;
    file.bytes[static_cast<std::size_t>(id)] = entry;
  }
  return vocabulary;
}

// Special tokens are found in the text before the model sees it. Where they are not to be found, in a chat message,
// merging must not make them either.
void read_merges(const TokenizerDocument& document, const Vocabulary& vocabulary,
                 const std::unordered_set<TokenId>& special, const std::string& where, BpeModel& bpe) {
  bpe.merges = MergeTable(document.merges.size());
  std::uint32_t rank = 0;
  std::string merged;
  for (const auto& [left, right] : document.merges) {
    merged.assign(left).append(right);
    const TokenId result = token_of(vocabulary, merged, where);
    const TokenId first = token_of(vocabulary, left, where), second = token_of(vocabulary, right, where);
    if (!special.contains(result)) bpe.merges.insert(first, second, {rank, result});
    ++rank;
  }
}

void read_byte_level_symbols(const Vocabulary& vocabulary, BpeModel& bpe) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string entry;
    append_code_point(byte_to_code_point(static_cast<unsigned char>(byte)), entry);
    if (const auto found = vocabulary.find(entry); found != vocabulary.end()) bpe.byte_tokens[byte] = found->second;
  }
}

void read_whole_words(const Vocabulary& vocabulary, const std::unordered_set<TokenId>& special, BpeModel& bpe) {
  bpe.whole_words.reserve(vocabulary.size());
  for (const auto& [entry, id] : vocabulary) {
    if (special.contains(id)) continue;
    std::optional<std::string> word = bpe.byte_level ? entry_to_bytes(entry) : std::string(entry);
    if (word) bpe.whole_words.emplace(*std::move(word), id);
  }
}

}  // namespace

void read_bpe_model(const TokenizerDocument& document, bool byte_level, const std::string& where, TokenizerFile& file) {
  const Json& model = document.root.at("model");
  refuse_variants(model, document, where);
  const Vocabulary vocabulary = read_vocabulary(document, where, file);
  std::unordered_set<TokenId> special;
  for (const AddedToken& token : file.added) {
    if (token.special) special.insert(token.id);
  }
  BpeModel& bpe = file.bpe;
  bpe.byte_level = byte_level;
  if (byte_level) {
    read_byte_level_symbols(vocabulary, bpe);
  } else {
    for (const auto& [entry, id] : vocabulary) {
      if (!entry.empty() && utf8_sequence(entry).length == entry.size()) bpe.characters.set(code_point(entry), id);
    }
    if (is_set(model, "byte_fallback")) add_byte_tokens(vocabulary, bpe);
  }
  read_merges(document, vocabulary, special, where, bpe);
  if (is_set(model, "ignore_merges")) read_whole_words(vocabulary, special, bpe);
  if (is_set(model, "unk_token")) {
    bpe.unknown = token_of(vocabulary, model["unk_token"].get_ref<const std::string&>(), where);
    bpe.fuse_unknown = model.value("fuse_unk", false);
  }
  add_word_cutter({file.bytes.begin(), file.bytes.end()}, bpe);
}

}  // namespace gemring
