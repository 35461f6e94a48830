#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/text/tokenizer/bpe_json.h"
#include "engine/text/tokenizer/pipeline_json.h"
#include "engine/text/tokenizer/tokenizer_sources.h"
#include "engine/weights/file.h"
#include "engine/weights/json_file.h"

namespace gemring {

namespace {

using Json = nlohmann::json;

AddedToken read_added_token(const Json& entry, const std::string& where) {
  AddedToken token;
  const std::uint64_t id = natural_number(entry.at("id"), where);
  token.content = entry.at("content").get<std::string>();
  if (id > std::numeric_limits<std::int32_t>::max()) {
    throw ModelFileError({where, fmt::format("added token \"{}\" has id {}", token.content, id), "get the file again"});
  }
  token.id = TokenId(id);
  token.special = entry.value("special", false);
  token.normalized = entry.value("normalized", !token.special);
  token.single_word = entry.value("single_word", false);
  token.left_strip = entry.value("lstrip", false);
  token.right_strip = entry.value("rstrip", false);
  return token;
}

void read_added_tokens(const Json& root, const std::string& where, TokenizerFile& file) {
  if (absent(root, "added_tokens")) return;
  for (const Json& entry : root["added_tokens"]) file.added.push_back(read_added_token(entry, where));
}

// Added tokens that the model has too must be the same there; no two share an id or a text.
void place_added_tokens(const TokenizerDocument& document, const std::string& where, TokenizerFile& file) {
  std::unordered_map<std::string_view, std::int64_t> ids;
  for (const AddedToken& token : file.added) {
    if (!ids.emplace(token.content, token.id.value()).second) {
      throw ModelFileError({where, fmt::format("added token \"{}\" is given twice", token.content), ""});
    }
  }
  for (const auto& [entry, id] : document.vocabulary) {
    const auto added = ids.find(entry);
    if (added == ids.end() || added->second == id) continue;
    throw ModelFileError({where,
                          fmt::format("token \"{}\" has id {} in the model's vocabulary and {} in added_tokens", entry,
                                      id, added->second),
                          "the file contradicts itself; get it again"});
  }
  const Normalizer normalizer(file.normalizer);
  Normalizer::Scratch scratch(normalizer);
  for (const AddedToken& token : file.added) {
    make_room(file, token.id.value(), token.content, document.vocabulary.size() + file.added.size(), where);
    std::string& bytes = file.bytes[token.id.index()];
    TokenKind& kind = file.kinds[token.id.index()];
    if (kind != TokenKind::absent && bytes != token.content) {
      throw ModelFileError(
          {where,
           fmt::format("added token \"{}\" has id {}, which token \"{}\" has", token.content, token.id.value(), bytes),
           "the file contradicts itself; get it again"});
    }
    // The reference decodes a normalised token to what it finds in the text.
    bytes = token.normalized ? std::string(normalizer.normalize({token.content}, scratch).bytes) : token.content;
    kind = token.special ? TokenKind::special : TokenKind::text;
  }
}

// What a TemplateProcessing puts before the text.
std::vector<TokenId> template_prefix(const Json& processor, const std::string& where) {
  std::vector<TokenId> prefix;
  bool after_text = false;
  for (const Json& item : processor.at("single")) {
    if (item.contains("Sequence")) {
      after_text = true;
      continue;
    }
    const auto name = item.at("SpecialToken").at("id").get<std::string>();
    if (after_text) refuse(where, fmt::format("a post_processor that puts {} behind the prompt", name));
    for (const Json& id : processor.at("special_tokens").at(name).at("ids")) {
      const std::uint64_t value = natural_number(id, where);
      const bool fits = value <= std::numeric_limits<std::int32_t>::max();
      prefix.emplace_back(fits ? static_cast<std::int32_t>(value) : -1);
    }
  }
  return prefix;
}

void read_post_processor(const Json& root, const std::string& where, TokenizerFile& file) {
  for (const Json& part : parts_of(root, "post_processor", "processors")) {
    const std::string type = type_of(part);
    if (type == "ByteLevel") continue;  // trims offsets, changes no token
    if (type != "TemplateProcessing") refuse(where, fmt::format("post_processor {}", type));
    const std::vector<TokenId> ids = template_prefix(part, where);
    file.prefix.insert(file.prefix.begin(), ids.begin(), ids.end());
  }
  for (TokenId id : file.prefix) {
    if (id.value() >= 0 && id.index() < file.kinds.size() && file.kinds[id.index()] != TokenKind::absent) continue;
    throw ModelFileError(
        {where,
         fmt::format("the post_processor adds id {}, which no token has; ids end at {}", id.value(), file.kinds.size()),
         "get the file again"});
  }
}

std::optional<TokenId> find_token(const TokenizerDocument& document, const TokenizerFile& file,
                                  const std::string& content) {
  for (const AddedToken& token : file.added) {
    if (token.content == content) return token.id;
  }
  for (const auto& [entry, id] : document.vocabulary) {
    if (entry == content) return TokenId(id);
  }
  return std::nullopt;
}

// tokenizer_config.json: an explicit add_bos_token decides, whatever the post_processor does.
void apply_config(const Json& config, const std::string& where, const TokenizerDocument& document,
                  TokenizerFile& file) {
  if (!absent(config, "add_eos_token") && config["add_eos_token"].get<bool>()) {
    log_warn("{}: add_eos_token is true and not followed: it would end the answer before it begins", where);
  }
  if (absent(config, "add_bos_token")) return;
  if (!config["add_bos_token"].get<bool>()) {
    file.prefix.clear();
    return;
  }
  if (!file.prefix.empty()) return;
  if (absent(config, "bos_token")) throw ModelFileError({where, "add_bos_token is true and no bos_token is given", ""});
  const Json& bos = config["bos_token"];
  const auto content = (bos.is_object() ? bos.at("content") : bos).get<std::string>();
  const std::optional<TokenId> id = find_token(document, file, content);
  if (!id) throw ModelFileError({where, fmt::format("bos_token \"{}\" is no token of tokenizer.json", content), ""});
  file.prefix.push_back(*id);
}

// What training leaves behind in a file and no user of the model wants for a prompt; Hugging Face transformers drops it
// too.
void warn_of_leftovers(const Json& root, const std::string& where) {
  for (const char* key : {"truncation", "padding"}) {
    if (!absent(root, key)) log_warn("{}: \"{}\" is set and not followed; prompts are taken whole", where, key);
  }
}

TokenizerFile read_parts(const TokenizerDocument& document, const std::string& path) {
  TokenizerFile file;
  const Json& root = document.root;
  read_normalizer(root, path, file);
  const bool byte_level = read_pre_tokenizer(root, path, file);
  read_added_tokens(root, path, file);
  read_bpe_model(document, byte_level, path, file);
  place_added_tokens(document, path, file);
  read_decoder(root, byte_level, path, file);
  read_post_processor(root, path, file);
  warn_of_leftovers(root, path);
  return file;
}

}  // namespace

TokenizerFile read_tokenizer_json(const std::string& path) {
  std::string where = path;
  try {
    const TokenizerDocument document = parse_tokenizer_document(read_text_file(path, kLargestTokenizerFile), path);
    TokenizerFile file = read_parts(document, path);
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
    const std::string config = path_in(folder, "tokenizer_config.json");
    if (file_exists(config)) {
      where = config;
      apply_config(read_json_object(config), config, document, file);
    }
    return file;
  } catch (const Json::exception& error) {
    throw ModelFileError({where, fmt::format("is no valid tokenizer file: {}", error.what()), "get the file again"});
  }
}

}  // namespace gemring
