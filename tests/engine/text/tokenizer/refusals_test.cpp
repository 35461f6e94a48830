#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "tests/engine/text/tokenizer/tiny_tokenizer.h"

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
  expect_load_error<ConfigError>(with("normalizer", {{"type", "NFKC"}}), "normalizer NFKC");
  expect_load_error<ConfigError>(
      with("normalizer", {{"type", "Sequence"}, {"normalizers", json_array({{{"type", "Lowercase"}}})}}),
      "normalizer Lowercase");
  const nlohmann::json empty = {{"type", "Replace"}, {"pattern", {{"String", ""}}}, {"content", "a"}};
  expect_load_error<ConfigError>(with("normalizer", empty), "empty pattern");
}

TEST(TokenizerRefusals, PreTokenizersAreNamed) {
  expect_load_error<ConfigError>(with("pre_tokenizer", {{"type", "UnicodeScripts"}}), "pre_tokenizer UnicodeScripts");
  const nlohmann::json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  const nlohmann::json digits = {{"type", "Digits"}, {"individual_digits", true}};
  const auto sequence = [](nlohmann::json parts) {
    return with("pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", std::move(parts)}});
  };
  expect_load_error<ConfigError>(sequence(json_array({byte_level, digits})), "pre_tokenizer Digits behind ByteLevel");
  const nlohmann::json bad_split = {{"type", "Split"}, {"pattern", {{"Regex", "(a"}}}, {"behavior", "Isolated"}};
  expect_load_error<ConfigError>(sequence(json_array({bad_split, byte_level})), "(a");
  const nlohmann::json odd = {{"type", "Split"}, {"pattern", {{"String", "a"}}}, {"behavior", "Doubled"}};
  expect_load_error<ConfigError>(sequence(json_array({odd, byte_level})), "split behavior Doubled");
}

TEST(TokenizerRefusals, MetaspaceWithContradictingOrUnknownPrefixes) {
  const auto metaspace = [](nlohmann::json more) {
    nlohmann::json part = {{"type", "Metaspace"}, {"replacement", "▁"}};
    part.update(more);
    return with("pre_tokenizer", part);
  };
  expect_load_error<ConfigError>(metaspace({{"prepend_scheme", "last"}}), "prepend_scheme last");
  expect_load_error<ModelFileError>(metaspace({{"prepend_scheme", "first"}, {"add_prefix_space", false}}),
                                    "add_prefix_space false");
  expect_load_error<ModelFileError>(metaspace({{"replacement", "ab"}}), "not one character");
}

TEST(TokenizerRefusals, DecodersAndPostProcessorsAreNamed) {
  expect_load_error<ConfigError>(with("decoder", {{"type", "WordPiece"}}), "decoder WordPiece");
  const nlohmann::json strip = {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
  expect_load_error<ConfigError>(with("decoder", strip), "Strip before Fuse");
  nlohmann::json spm = spm_tokenizer({"a"}, {});
  spm["decoder"] = nullptr;
  expect_load_error<ConfigError>(spm, "without a decoder");
  expect_load_error<ConfigError>(with("post_processor", {{"type", "BertProcessing"}}), "post_processor BertProcessing");
  nlohmann::json eos = bos_template(7, "</s>");
  std::swap(eos["single"][0], eos["single"][1]);
  expect_load_error<ConfigError>(with("post_processor", eos), "puts </s> behind the prompt");
}

TEST(TokenizerRefusals, OtherModelsAndTheirVariantsAreNamed) {
  expect_load_error<ConfigError>(with_model("type", "Unigram"), "model Unigram");
  nlohmann::json unigram = with_model("type", "Unigram");
  unigram["model"]["vocab"] = json_array({json_array({"a", -1.5})});
  expect_load_error<ConfigError>(unigram, "model Unigram");
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

TEST(TokenizerRefusals, AnEndTokenInTheConfigIsRefused) {}

TEST(TokenizerRefusals, FilesThatContradictThemselvesAreModelFileErrors) {
  expect_load_error<ModelFileError>(with_model("merges", json_array({"h e"})), "token \"he\"");
  expect_load_error<ModelFileError>(with_model("merges", json_array({"h"})), "not two tokens");
  expect_load_error<ModelFileError>(with_model("merges", json_array({"h e l"})), "not two tokens");
  expect_load_error<ModelFileError>(with_model("merges", json_array({json_array({"h"})})), "a pair of 1 tokens");
  expect_load_error<ModelFileError>(with_model("merges", json_array({json_array({"h", "e", "l"})})), "more than two");
  expect_load_error<ModelFileError>(with_model("merges", json_array({5})), "number instead of a text");
  expect_load_error<ModelFileError>(with_model("unk_token", "<unk>"), "<unk>");
  expect_load_error<ModelFileError>(with("added_tokens", json_array({{{"id", 1}}})), "content");
  expect_load_error<ModelFileError>(with("post_processor", bos_template(900, "<s>")), "adds id 900");
}

TEST(TokenizerRefusals, IdsThatAreDoubledOrAbsurdAreModelFileErrors) {
  expect_load_error<ModelFileError>(with_model("vocab", {{"a", 1}, {"b", 1}}), "which another token has");
  expect_load_error<ModelFileError>(with_model("vocab", {{"a", -1}}), "id -1");
  expect_load_error<ModelFileError>(with_model("vocab", {{"a", std::int64_t{1} << 40}}), "id 1099511627776");
  expect_load_error<ModelFileError>(with_model("vocab", {{"a", ~std::uint64_t{0}}}), "id 9223372036854775807");
  expect_load_error<ModelFileError>(with_model("vocab", {{"a", 1 << 20}}), "id 1048576");
  expect_load_error<ModelFileError>(with_model("vocab", {{"a", 1.5}}), "no whole number");
  expect_load_error<ModelFileError>(with_model("vocab", 5), "vocab is missing or no object");
  expect_load_error<ModelFileError>(with("added_tokens", json_array({added_token(std::int64_t{1} << 40, "<s>")})),
                                    "id 1099511627776");
  expect_load_error<ModelFileError>(with("added_tokens", json_array({added_token(65, "<s>")})),
                                    "has id 65, which token \"A\" has");
  expect_load_error<ModelFileError>(with("added_tokens", json_array({added_token(300, "A")})),
                                    "has id 65 in the model's vocabulary and 300");
  expect_load_error<ModelFileError>(
      with("added_tokens", json_array({added_token(300, "<s>"), added_token(301, "<s>")})), "given twice");
}

TEST(TokenizerRefusals, FiguresThatAreNoWholeNumbersAreModelFileErrors) {
  const auto with_bos = [](const nlohmann::json& id) {
    nlohmann::json post_processor = bos_template(65, "<s>");
    post_processor["special_tokens"]["<s>"]["ids"][0] = id;
    return with("post_processor", post_processor);
  };
  const nlohmann::json beyond_64_bits = nlohmann::json::parse("118446744073709551615");
  expect_load_error<ModelFileError>(with_bos(beyond_64_bits), "has 1.1844674407370955e+20 where a whole number");
  expect_load_error<ModelFileError>(with_bos(65.5), "has 65.5 where a whole number");
  expect_load_error<ModelFileError>(with_bos(-1), "has -1 where a whole number");
  expect_load_error<ModelFileError>(with_bos("65"), "has string where a whole number");
  nlohmann::json added = added_token(300, "<s>");
  added["id"] = 300.5;
  expect_load_error<ModelFileError>(with("added_tokens", json_array({added})), "has 300.5 where a whole number");
  const nlohmann::json strip = {{"type", "Strip"}, {"content", " "}, {"start", beyond_64_bits}, {"stop", 0}};
  expect_load_error<ModelFileError>(with("decoder", strip), "where a whole number");
}

TEST(TokenizerRefusals, DoubledKeysAreModelFileErrors) {
  const std::string whole = tiny_tokenizer({}).dump();
  for (const char* key : {"\"vocab\":{},", "\"merges\":[],", "\"type\":\"BPE\",\"type\":\"BPE\","}) {
    std::string doubled = whole;
    const std::string model = "\"model\":{";
    doubled.insert(doubled.find(model) + model.size(), key);
    const TemporaryDirectory directory;
    directory.write("tokenizer.json", doubled);
    EXPECT_THROW(Tokenizer::load(directory.path()), ModelFileError) << key;
  }
}

TEST(TokenizerRefusals, BosTokensThatDoNotExistAreModelFileErrors) {
  expect_load_error<ModelFileError>(tiny_tokenizer({}), "no bos_token", {{"add_bos_token", true}});
  expect_load_error<ModelFileError>(tiny_tokenizer({}), "no token of", {{"add_bos_token", true}, {"bos_token", "<s>"}});
}

TEST(TokenizerRefusals, MissingAndBrokenFilesAreModelFileErrors) {
  const TemporaryDirectory directory;
  EXPECT_THROW(Tokenizer::load(directory.path()), ModelFileError);
  for (const char* text :
       {"", "5", "[]", "{}", R"({"model": )", R"({"model": {}})", R"({"model": {"vocab": {"a": 1}})"}) {
    directory.write("tokenizer.json", text);
    EXPECT_THROW(Tokenizer::load(directory.path()), Error) << text;
  }
}

TEST(TokenizerRefusals, AFileCutShortAnywhereIsAModelFileError) {
  nlohmann::json small = spm_tokenizer({"▁", "a", "▁a"}, {"▁ a"});
  small["added_tokens"] = json_array({added_token(3, "<s>")});
  const std::string whole = small.dump();
  const TemporaryDirectory directory;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    directory.write("tokenizer.json", whole.substr(0, size));
    ASSERT_THROW(Tokenizer::load(directory.path()), ModelFileError) << size;
  }
}

TEST(TokenizerRefusals, AThousandPartsAreRefused) {
  const nlohmann::json splits(1000, {{"type", "WhitespaceSplit"}});
  expect_load_error<ConfigError>(with("pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", splits}}),
                                 "more than 64");
}

TEST(TokenizerRefusals, AZeroByteIsNotTheEnd) {
  const TemporaryDirectory directory;
  directory.write("tokenizer.json", tiny_tokenizer({}).dump() + std::string(1, '\0') + "{}");
  EXPECT_THROW(Tokenizer::load(directory.path()), ModelFileError);
}

TEST(TokenizerRefusals, WhatBlowsUpInMemoryIsAModelFileError) {
  const TemporaryDirectory directory;
  directory.write("tokenizer.json", std::string(100, '[') + std::string(100, ']'));
  EXPECT_THROW(Tokenizer::load(directory.path()), ModelFileError) << "nesting";
  std::string many = "{\"padding\":[0";
  for (int i = 0; i < 2'000'000; ++i) many += ",0";
  directory.write("tokenizer.json", many + "]}");
  EXPECT_THROW(Tokenizer::load(directory.path()), ModelFileError) << "values";
  nlohmann::json growing = spm_tokenizer({std::string(5000, 'a')}, {});
  growing["decoder"] = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(5000, 'b')}};
  directory.write("tokenizer.json", growing.dump());
  EXPECT_THROW(Tokenizer::load(directory.path()), ModelFileError) << "a decoder that makes tokens longer";
}

}  // namespace
}  // namespace gemring
