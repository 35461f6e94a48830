#include "engine/text/tokenizer_json.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/text/bpe_json.h"

namespace gemring {

namespace {

using Json = nlohmann::json;

Json parse_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ModelFileError({path, "cannot be opened", "a model directory needs its tokenizer.json"});
  return Json::parse(file);
}

// An optional part that is absent or null.
bool absent(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null();
}

std::string type_of(const Json& part) {
  return part.at("type").get<std::string>();
}

// The parts of `part`: those of its list where it is a Sequence, else itself.
std::vector<Json> parts_of(const Json& part, const char* list) {
  if (type_of(part) == "Sequence") return part.at(list).get<std::vector<Json>>();
  return {part};
}

void refuse_normalizer(const Json& root, const std::string& where) {
  if (absent(root, "normalizer")) return;
  for (const Json& part : parts_of(root["normalizer"], "normalizers")) {
    refuse(where, fmt::format("normalizer {}", type_of(part)));
  }
}

std::vector<SplitStage> read_stages(const Json& root, const std::string& where) {
  if (absent(root, "pre_tokenizer")) refuse(where, "a file without a pre_tokenizer (no byte-level BPE)");
  std::vector<SplitStage> stages;
  bool byte_level = false;
  for (const Json& part : parts_of(root["pre_tokenizer"], "pretokenizers")) {
    const std::string type = type_of(part);
    if (byte_level) refuse(where, fmt::format("pre_tokenizer {} behind ByteLevel", type));
    if (type == "Digits") {
      const bool each = part.at("individual_digits").get<bool>();
      stages.push_back({std::string(each ? kEachDigitPattern : kDigitRunPattern), false});
    } else if (type == "ByteLevel") {
      const bool split = part.value("use_regex", true);
      stages.push_back({split ? std::string(kGpt2Pattern) : "", part.at("add_prefix_space").get<bool>()});
      byte_level = true;
    } else {
      refuse(where, fmt::format("pre_tokenizer {}", type));
    }
  }
  if (!byte_level) refuse(where, "a pre_tokenizer without ByteLevel (no byte-level BPE)");
  return stages;
}

// A file without a decoder is taken as byte-level too: its pre_tokenizer says what the vocabulary's entries mean.
void refuse_decoder(const Json& root, const std::string& where) {
  if (absent(root, "decoder")) return;
  for (const Json& part : parts_of(root["decoder"], "decoders")) {
    if (type_of(part) != "ByteLevel") refuse(where, fmt::format("decoder {}", type_of(part)));
  }
}

void read_added_tokens(const Json& root, const std::string& where, TokenizerFile& file) {
  if (absent(root, "added_tokens")) return;
  for (const Json& entry : root["added_tokens"]) {
    AddedToken token;
    const auto id = entry.at("id").get<std::int64_t>();
    token.content = entry.at("content").get<std::string>();
    make_room(file, id, token.content, where);
    token.id = TokenId(id);
    token.special = entry.value("special", false);
    token.normalized = entry.value("normalized", !token.special);
    token.single_word = entry.value("single_word", false);
    token.left_strip = entry.value("lstrip", false);
    token.right_strip = entry.value("rstrip", false);
    file.bytes[token.id.index()] = token.content;
    file.special[token.id.index()] = token.special;
    file.added.push_back(std::move(token));
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
    for (const Json& id : processor.at("special_tokens").at(name).at("ids"))
      prefix.emplace_back(id.get<std::int32_t>());
  }
  return prefix;
}

std::vector<TokenId> read_post_processor(const Json& root, const std::string& where) {
  std::vector<TokenId> prefix;
  if (absent(root, "post_processor")) return prefix;
  for (const Json& part : parts_of(root["post_processor"], "processors")) {
    const std::string type = type_of(part);
    if (type == "ByteLevel") continue;  // trims offsets, changes no token
    if (type != "TemplateProcessing") refuse(where, fmt::format("post_processor {}", type));
    const std::vector<TokenId> ids = template_prefix(part, where);
    prefix.insert(prefix.begin(), ids.begin(), ids.end());
  }
  return prefix;
}

std::optional<TokenId> find_token(const TokenizerFile& file, const std::string& content) {
  for (const AddedToken& token : file.added) {
    if (token.content == content) return token.id;
  }
  for (std::size_t id = 0; id < file.bytes.size(); ++id) {
    if (file.bytes[id] == content) return TokenId(id);
  }
  return std::nullopt;
}

// tokenizer_config.json: an explicit add_bos_token decides, whatever the post_processor does.
void apply_config(const Json& config, const std::string& where, TokenizerFile& file) {
  if (config.value("add_eos_token", false)) refuse(where, "add_eos_token true (it would end the prompt)");
  if (absent(config, "add_bos_token")) return;
  if (!config["add_bos_token"].get<bool>()) {
    file.prefix.clear();
    return;
  }
  if (!file.prefix.empty()) return;
  if (absent(config, "bos_token")) throw ModelFileError({where, "add_bos_token is true and no bos_token is given", ""});
  const Json& bos = config["bos_token"];
  const auto content = (bos.is_object() ? bos.at("content") : bos).get<std::string>();
  const std::optional<TokenId> id = find_token(file, content);
  if (!id) throw ModelFileError({where, fmt::format("bos_token \"{}\" is no token of tokenizer.json", content), ""});
  file.prefix.push_back(*id);
}

void check_prefix(const TokenizerFile& file, const std::string& where) {
  for (TokenId id : file.prefix) {
    if (id.value() < 0 || id.index() >= file.bytes.size()) {
      throw ModelFileError(
          {where, fmt::format("the post_processor adds id {}; ids end at {}", id.value(), file.bytes.size()), ""});
    }
  }
}

// What training leaves behind in a file and no user of the model wants for a prompt; Hugging Face transformers drops it
// too.
void warn_of_leftovers(const Json& root, const std::string& where) {
  for (const char* key : {"truncation", "padding"}) {
    if (!absent(root, key)) log_warn("{}: \"{}\" is set and not followed; prompts are taken whole", where, key);
  }
}

}  // namespace

TokenizerFile read_tokenizer(const std::string& model_directory) {
  std::string path = model_directory + "/tokenizer.json";
  TokenizerFile file;
  try {
    const Json root = parse_file(path);
    refuse_normalizer(root, path);
    file.stages = read_stages(root, path);
    refuse_decoder(root, path);
    read_bpe_model(root.at("model"), path, file);
    read_added_tokens(root, path, file);
    file.prefix = read_post_processor(root, path);
    warn_of_leftovers(root, path);
    check_prefix(file, path);
    const std::string config_path = model_directory + "/tokenizer_config.json";
    if (std::ifstream(config_path)) {
      path = config_path;
      apply_config(parse_file(config_path), config_path, file);
    }
  } catch (const Json::exception& error) {
    throw ModelFileError({path, fmt::format("is no valid tokenizer file: {}", error.what()), "get the file again"});
  }
  return file;
}

}  // namespace gemring
