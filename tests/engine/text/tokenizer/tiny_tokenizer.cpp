#include "tests/engine/text/tokenizer/tiny_tokenizer.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "engine/text/tokenizer/byte_map.h"
#include "engine/text/unicode/utf8.h"

namespace gemring {

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "gemring-text-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory " + pattern);
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::filesystem::remove_all(path_);
}

void TemporaryDirectory::write(const std::string& name, const std::string& content) const {
  std::ofstream(path_ + "/" + name, std::ios::binary) << content;
}

nlohmann::json tiny_tokenizer(const std::vector<std::string>& merges) {
  nlohmann::json vocabulary = nlohmann::json::object();
  for (int byte = 0; byte < 256; ++byte) {
    std::string entry;
    append_code_point(byte_to_code_point(static_cast<unsigned char>(byte)), entry);
    vocabulary[entry] = byte;
  }
  int next = 256;
  for (std::string merged : merges) vocabulary[merged.erase(merged.find(' '), 1)] = next++;
  nlohmann::json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return {{"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"added_tokens", nlohmann::json::array()},
          {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}}}};
}

nlohmann::json spm_tokenizer(const std::vector<std::string>& entries, const std::vector<std::string>& merges) {
  nlohmann::json vocabulary = nlohmann::json::object();
  for (std::size_t id = 0; id < entries.size(); ++id) vocabulary[entries[id]] = id;
  const auto replace = [](const char* what, const char* by) {
    return nlohmann::json{{"type", "Replace"}, {"pattern", {{"String", what}}}, {"content", by}};
  };
  const nlohmann::json prepend = {{"type", "Prepend"}, {"prepend", "▁"}};
  const nlohmann::json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
  return {{"normalizer", {{"type", "Sequence"}, {"normalizers", json_array({prepend, replace(" ", "▁")})}}},
          {"pre_tokenizer", nullptr},
          {"post_processor", nullptr},
          {"decoder",
           {{"type", "Sequence"},
            {"decoders", json_array({replace("▁", " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}, strip})}}},
          {"added_tokens", nlohmann::json::array()},
          {"model", {{"type", "BPE"}, {"byte_fallback", true}, {"vocab", vocabulary}, {"merges", merges}}}};
}

nlohmann::json added_token(std::int64_t id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

nlohmann::json bos_template(int id, const std::string& content) {
  const nlohmann::json special = {{"SpecialToken", {{"id", content}, {"type_id", 0}}}};
  const nlohmann::json sequence = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  nlohmann::json tokens = nlohmann::json::object();
  tokens[content]["ids"] = std::vector<int>{id};
  return {{"type", "TemplateProcessing"}, {"single", json_array({special, sequence})}, {"special_tokens", tokens}};
}

Tokenizer load(const nlohmann::json& tokenizer, const nlohmann::json& config) {
  const TemporaryDirectory directory;
  directory.write("tokenizer.json", tokenizer.dump());
  if (!config.is_null()) directory.write("tokenizer_config.json", config.dump());
  return Tokenizer::load(directory.path());
}

std::vector<int> ids(const Encoding& encoding) {
  std::vector<int> values;
  for (TokenId id : encoding.ids) values.push_back(id.value());
  return values;
}

std::vector<TokenId> tokens(const std::vector<int>& values) {
  return {values.begin(), values.end()};
}

}  // namespace gemring
