#include "engine/text/bpe_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "engine/base/error.h"
#include "engine/text/byte_map.h"
#include "engine/text/utf8.h"

namespace gemring {

namespace {

using Json = nlohmann::json;
using Vocabulary = std::unordered_map<std::string_view, TokenId>;  // views into the JSON document

constexpr std::int64_t kMostTokens = 1 << 24;  // the largest vocabularies have 2^18

// Merges are "a b" (older files) or ["a", "b"].
std::pair<std::string_view, std::string_view> merge_parts(const Json& merge, const std::string& where) {
  if (merge.is_array() && merge.size() == 2) {
    return {merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()};
  }
  const std::string_view line = merge.get_ref<const std::string&>();
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
    throw ModelFileError({where, fmt::format("merge \"{}\" is not two tokens with a space between", line), ""});
  }
  return {line.substr(0, space), line.substr(space + 1)};
}

TokenId token_of(const Vocabulary& vocabulary, std::string_view entry, const std::string& where) {
  const auto found = vocabulary.find(entry);
  if (found != vocabulary.end()) return found->second;
  throw ModelFileError({where, fmt::format("the merges need token \"{}\", which the vocabulary does not have", entry),
                        "the file is damaged or was edited; get it again"});
}

MergeTable read_merges(const Json& merges, const Vocabulary& vocabulary, const std::string& where) {
  MergeTable table(merges.size());
  std::uint32_t rank = 0;
  std::string merged;
  for (const Json& merge : merges) {
    if (merge.is_string() && merge.get_ref<const std::string&>().starts_with("#version")) continue;
    const auto [left, right] = merge_parts(merge, where);
    merged.assign(left).append(right);
    table.insert(token_of(vocabulary, left, where), token_of(vocabulary, right, where),
                 {rank++, token_of(vocabulary, merged, where)});
  }
  return table;
}

bool is_set(const Json& model, const char* key) {
  const auto found = model.find(key);
  return found != model.end() && !found->is_null() && *found != false && *found != "" && *found != 0;
}

void refuse_variants(const Json& model, const std::string& where) {
  const std::string type = model.value("type", model.contains("merges") ? "BPE" : "");  // old files leave it out
  if (type != "BPE") refuse(where, fmt::format("model {}", type));
  for (const char* key : {"byte_fallback", "continuing_subword_prefix", "end_of_word_suffix", "dropout"}) {
    if (is_set(model, key)) refuse(where, fmt::format("model BPE with {} {}", key, model[key].dump()));
  }
}

}  // namespace

void refuse(const std::string& where, const std::string& what) {
  throw ConfigError(
      {where, what + " is not supported",
       "gemring reads byte-level BPE with the pre-tokenizers Digits and ByteLevel and without a normalizer"});
}

void make_room(TokenizerFile& file, std::int64_t id, const std::string& content, const std::string& where) {
  if (id < 0 || id >= kMostTokens) {
    throw ModelFileError(
        {where, fmt::format("token \"{}\" has id {}, not in 0..{}", content, id, kMostTokens - 1), ""});
  }
  if (file.bytes.size() <= static_cast<std::size_t>(id)) {
    file.bytes.resize(static_cast<std::size_t>(id) + 1);
    file.special.resize(file.bytes.size(), false);
  }
}

void read_bpe_model(const Json& model, const std::string& where, TokenizerFile& file) {
  refuse_variants(model, where);
  const auto& entries = model.at("vocab").get_ref<const Json::object_t&>();
  const bool ignore_merges = model.value("ignore_merges", false);
  Vocabulary vocabulary;
  vocabulary.reserve(entries.size());
  for (const auto& [entry, id_json] : entries) {
    const auto id = id_json.get<std::int64_t>();
    make_room(file, id, entry, where);
    std::string& bytes = file.bytes[static_cast<std::size_t>(id)];
    if (!bytes.empty()) {
      throw ModelFileError({where, fmt::format("token \"{}\" has id {}, which another token has", entry, id), ""});
    }
    vocabulary.emplace(entry, TokenId(id));
    std::optional<std::string> mapped = entry_to_bytes(entry);
    if (mapped && ignore_merges) file.bpe.whole_words.emplace(*mapped, TokenId(id));
    bytes = mapped ? *std::move(mapped) : std::string(entry);  // text outside the byte alphabet stands for itself
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string entry;
    append_code_point(byte_to_code_point(static_cast<unsigned char>(byte)), entry);
    if (const auto found = vocabulary.find(entry); found != vocabulary.end())
      file.bpe.byte_tokens[byte] = found->second;
  }
  file.bpe.merges = read_merges(model.at("merges"), vocabulary, where);
  if (is_set(model, "unk_token")) {
    file.bpe.unknown = token_of(vocabulary, model["unk_token"].get_ref<const std::string&>(), where);
    file.bpe.fuse_unknown = model.value("fuse_unk", false);
  }
}

}  // namespace gemring
