#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "tests/engine/text/tiny_tokenizer.h"

namespace gemring {
namespace {

nlohmann::json with(const char* key, nlohmann::json value) {
  nlohmann::json file = tiny_tokenizer({});
  file[key] = std::move(value);
  return file;
}

nlohmann::json with_model(const char* key, nlohmann::json value) {
  nlohmann::json file = tiny_tokenizer({});
  file["model"][key] = std::move(value);
  return file;
}

TEST(TokenizerRefusals, NormalizersAreNamed) {
  expect_load_error<ConfigError>(with("normalizer", {{"type", "NFC"}}), "normalizer NFC");
  expect_load_error<ConfigError>(
      with("normalizer",
           {{"type", "Sequence"}, {"normalizers", json_array({{{"type", "Prepend"}, {"prepend", "_"}}})}}),
      "normalizer Prepend");
}

TEST(TokenizerRefusals, PreTokenizersAreNamed) {
  expect_load_error<ConfigError>(with("pre_tokenizer", {{"type", "Metaspace"}}), "pre_tokenizer Metaspace");
  const nlohmann::json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  const nlohmann::json split = {{"type", "Split"}, {"pattern", {{"Regex", "a"}}}, {"behavior", "Isolated"}};
  const nlohmann::json digits = {{"type", "Digits"}, {"individual_digits", true}};
  const auto sequence = [](nlohmann::json parts) {
    return with("pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", std::move(parts)}});
  };
  expect_load_error<ConfigError>(sequence(json_array({split, byte_level})), "pre_tokenizer Split");
  expect_load_error<ConfigError>(sequence(json_array({byte_level, digits})), "pre_tokenizer Digits behind ByteLevel");
  expect_load_error<ConfigError>(sequence(json_array({digits})), "without ByteLevel");
  expect_load_error<ConfigError>(with("pre_tokenizer", nullptr), "without a pre_tokenizer");
}

TEST(TokenizerRefusals, DecodersAndPostProcessorsAreNamed) {
  expect_load_error<ConfigError>(with("decoder", {{"type", "ByteFallback"}}), "decoder ByteFallback");
  expect_load_error<ConfigError>(with("post_processor", {{"type", "BertProcessing"}}), "post_processor BertProcessing");
  nlohmann::json eos = bos_template(7, "</s>");
  std::swap(eos["single"][0], eos["single"][1]);
  expect_load_error<ConfigError>(with("post_processor", eos), "puts </s> behind the prompt");
}

TEST(TokenizerRefusals, OtherModelsAndTheirVariantsAreNamed) {
  expect_load_error<ConfigError>(with_model("type", "Unigram"), "model Unigram");
  expect_load_error<ConfigError>(with_model("byte_fallback", true), "byte_fallback");
  expect_load_error<ConfigError>(with_model("dropout", 0.1), "dropout 0.1");
  expect_load_error<ConfigError>(with_model("continuing_subword_prefix", "##"), "continuing_subword_prefix");
  expect_load_error<ConfigError>(with_model("end_of_word_suffix", "</w>"), "end_of_word_suffix");
}

TEST(TokenizerRefusals, WhatIsSetToNothingIsAccepted) {
  nlohmann::json file = with_model("dropout", nullptr);
  file["model"]["byte_fallback"] = false;
  file["model"]["continuing_subword_prefix"] = "";
  file["decoder"] = nullptr;
  file["model"].erase("type");
  EXPECT_EQ(ids(load(file).encode("a")), (std::vector<int>{'a'}));
}

TEST(TokenizerRefusals, AnEndTokenInTheConfigIsRefused) {
  expect_load_error<ConfigError>(tiny_tokenizer({}), "add_eos_token", {{"add_eos_token", true}});
}

TEST(TokenizerRefusals, FilesThatContradictThemselvesAreModelFileErrors) {
  expect_load_error<ModelFileError>(with_model("merges", json_array({"h e"})), "token \"he\"");
  expect_load_error<ModelFileError>(with_model("merges", json_array({"h"})), "not two tokens");
  expect_load_error<ModelFileError>(with_model("merges", json_array({"h e l"})), "not two tokens");
  expect_load_error<ModelFileError>(with_model("vocab", {{"a", 1}, {"b", 1}}), "which another token has");
  expect_load_error<ModelFileError>(with_model("vocab", {{"a", -1}}), "id -1");
  expect_load_error<ModelFileError>(with_model("vocab", {{"a", 1 << 30}}), "id 1073741824");
  expect_load_error<ModelFileError>(with_model("vocab", 5), "no valid tokenizer file");
  expect_load_error<ModelFileError>(with_model("unk_token", "<unk>"), "<unk>");
  expect_load_error<ModelFileError>(with("added_tokens", json_array({{{"id", 1}}})), "content");
  expect_load_error<ModelFileError>(with("post_processor", bos_template(900, "<s>")), "adds id 900");
}

TEST(TokenizerRefusals, BosTokensThatDoNotExistAreModelFileErrors) {
  expect_load_error<ModelFileError>(tiny_tokenizer({}), "no bos_token", {{"add_bos_token", true}});
  expect_load_error<ModelFileError>(tiny_tokenizer({}), "no token of", {{"add_bos_token", true}, {"bos_token", "<s>"}});
}

TEST(TokenizerRefusals, MissingAndBrokenFilesAreModelFileErrors) {
  const TemporaryDirectory directory;
  EXPECT_THROW(Tokenizer::load(directory.path()), ModelFileError);
  directory.write("tokenizer.json", R"({"model": )");
  EXPECT_THROW(Tokenizer::load(directory.path()), ModelFileError);
}

}  // namespace
}  // namespace gemring
