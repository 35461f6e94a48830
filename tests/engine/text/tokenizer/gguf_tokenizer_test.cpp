// Tokenizers from the metadata of GGUF files.
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/text/tokenizer/byte_map.h"
#include "engine/text/unicode/utf8.h"
#include "tests/engine/text/tokenizer/tiny_tokenizer.h"
#include "tests/support/gguf.h"

namespace gemring {
namespace {

using Ids = std::vector<int>;
using test::GgufBuilder;

enum Type : std::int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

struct Piece {
  std::string text;
  float score = 0;
  Type type = kNormal;
};

GgufBuilder vocabulary(const char* model, const std::vector<Piece>& pieces) {
  std::vector<std::string> texts;
  std::vector<float> scores;
  std::vector<std::int32_t> types;
  for (const Piece& piece : pieces) {
    texts.push_back(piece.text);
    scores.push_back(piece.score);
    types.push_back(piece.type);
  }
  GgufBuilder file;
  file.text("tokenizer.ggml.model", model)
      .texts("tokenizer.ggml.tokens", texts)
      .numbers("tokenizer.ggml.scores", test::kF32, scores)
      .numbers("tokenizer.ggml.token_type", test::kI32, types);
  return file;
}

// 0..2 <unk> <s> </s>, then the pieces; scores fall as ids rise.
GgufBuilder spm(const std::vector<Piece>& pieces) {
  std::vector<Piece> all = {{"<unk>", 0, kUnknown}, {"<s>", 0, kControl}, {"</s>", 0, kControl}};
  all.insert(all.end(), pieces.begin(), pieces.end());
  return vocabulary("llama", all);
}

// Ids 0..255 are the bytes, then the results of `merges`, then `more`.
GgufBuilder byte_level(const std::vector<std::string>& merges, const std::vector<Piece>& more = {}) {
  std::vector<Piece> pieces;
  for (int byte = 0; byte < 256; ++byte) {
    pieces.emplace_back();
    append_code_point(byte_to_code_point(static_cast<unsigned char>(byte)), pieces.back().text);
  }
  for (std::string merged : merges) pieces.push_back({merged.erase(merged.find(' ', 1), 1)});
  pieces.insert(pieces.end(), more.begin(), more.end());
  GgufBuilder file = vocabulary("gpt2", pieces);
  file.texts("tokenizer.ggml.merges", merges);
  return file;
}

Tokenizer load_gguf(const GgufBuilder& file) {
  const TemporaryDirectory directory;
  directory.write("vocab.gguf", file.build());
  return Tokenizer::load(directory.path() + "/vocab.gguf");
}

template <class ErrorType>
void expect_error(const GgufBuilder& file, const std::string& part) {
  try {
    load_gguf(file);
    FAIL() << "loaded; expected an error about " << part;
  } catch (const ErrorType& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

const std::vector<Piece> kAbc = {{"▁", -9}, {"a", -9}, {"b", -9}, {"c", -9}};  // ids 3 to 6

std::vector<Piece> with_abc(const std::vector<Piece>& more) {
  std::vector<Piece> pieces = kAbc;
  pieces.insert(pieces.end(), more.begin(), more.end());
  return pieces;
}

Ids plain(const GgufBuilder& file, const std::string& text) {
  EncodeOptions options;
  options.add_bos = false;
  return ids(load_gguf(file).encode(text, options));
}

TEST(GgufSentencePiece, TheHighestScoreMergesFirst) {
  EXPECT_EQ(plain(spm(with_abc({{"ab", -2}, {"bc", -1}})), "abc"), (Ids{3, 4, 8}));
  EXPECT_EQ(plain(spm(with_abc({{"ab", -1}, {"bc", -2}})), "abc"), (Ids{3, 7, 6}));
}

TEST(GgufSentencePiece, EqualScoresMergeFromTheLeft) {
  EXPECT_EQ(plain(spm(with_abc({{"bc", -1}, {"ab", -1}})), "abc"), (Ids{3, 8, 6}));
}

TEST(GgufSentencePiece, APieceGrowsOutOfEveryPairThatGivesIt) {
  EXPECT_EQ(plain(spm(with_abc({{"bc", -1}, {"abc", -2}})), "abc"), (Ids{3, 8}));
  EXPECT_EQ(plain(spm(with_abc({{"ab", -1}, {"abc", -2}})), "abc"), (Ids{3, 8}));
  EXPECT_EQ(plain(spm(with_abc({{"abc", -2}})), "abc"), (Ids{3, 4, 5, 6})) << "no pair gives it";
}

TEST(GgufSentencePiece, ACharacterThatIsNoPieceMayStillMerge) {
  const std::vector<Piece> pieces = with_abc({{"axe", -1}, {"ax", -1}, {"<0x78>", 0, kByte}, {"<0x65>", 0, kByte}});
  EXPECT_EQ(plain(spm(pieces), "axe"), (Ids{3, 7}));
  EXPECT_EQ(plain(spm(pieces), "xe"), (Ids{3, 9, 10})) << "left alone they fall back to bytes";
  EXPECT_EQ(plain(spm(with_abc({{"ax", -1}})), "x"), (Ids{3, 0})) << "without byte tokens it is unknown";
}

TEST(GgufSentencePiece, ControlTokensAreFoundAsSuchAndNeverMergedTo) {
  const GgufBuilder file = spm(with_abc({{"<", -9}, {"s", -9}, {">", -9}, {"<s", -1}}));
  EXPECT_EQ(plain(file, "<s>"), (Ids{1}));
  EncodeOptions options;
  options.add_bos = options.parse_special = false;
  EXPECT_EQ(ids(load_gguf(file).encode("<s>", options)), (Ids{3, 10, 9}));
}

TEST(GgufSentencePiece, UserDefinedTokensAreFoundInAnyText) {
  const GgufBuilder file = spm(with_abc({{"<tool>", 0, kUserDefined}}));
  EncodeOptions options;
  options.add_bos = options.parse_special = false;
  EXPECT_EQ(ids(load_gguf(file).encode("a<tool>a", options)), (Ids{3, 4, 7, 3, 4}));
}

TEST(GgufSentencePiece, WhatEndsATurnIsAControlTokenWhateverItsTypeSays) {
  const Tokenizer tokenizer = load_gguf(spm(with_abc({{"<|im_end|>", 0, kUserDefined}, {"<|end|>", 0, kNormal}})));
  EXPECT_TRUE(tokenizer.is_special(TokenId(7)));
  EXPECT_EQ(ids(tokenizer.encode("a<|end|>")), (Ids{1, 3, 4, 8}));
}

TEST(GgufSentencePiece, BosAndTheSpaceInFrontAreOnUnlessTheFileSaysOtherwise) {
  EXPECT_EQ(ids(load_gguf(spm(kAbc)).encode("a")), (Ids{1, 3, 4}));
  GgufBuilder file = spm(kAbc);
  file.pair("tokenizer.ggml.add_bos_token", test::kBool, std::string(1, '\0'))
      .pair("tokenizer.ggml.add_space_prefix", test::kBool, std::string(1, '\0'));
  EXPECT_EQ(ids(load_gguf(file).encode("a")), (Ids{4}));
  EXPECT_EQ(load_gguf(file).decode(tokens({3, 4})), " a");
  GgufBuilder other = spm(kAbc);
  EXPECT_EQ(ids(load_gguf(other.count("tokenizer.ggml.bos_token_id", 2)).encode("a")), (Ids{2, 3, 4}));
}

TEST(GgufSentencePiece, DecodesSpacesAndBytes) {
  const Tokenizer tokenizer = load_gguf(spm(with_abc({{"<0xC3>", 0, kByte}, {"<0xA9>", 0, kByte}})));
  EXPECT_EQ(tokenizer.decode(tokens({1, 3, 4, 3, 7, 8})), "a é");
  EXPECT_EQ(tokenizer.decode(tokens({1, 4}), true), "<s>a");
}

TEST(GgufSentencePiece, Phi3StripsBehindItsMarkers) {
  GgufBuilder file = spm(with_abc({{"<|user|>", 0, kControl}}));
  file.text("general.name", "Phi-3 Mini");
  EXPECT_EQ(plain(file, "<|user|> \n a"), (Ids{7, 3, 4}));
  EXPECT_EQ(plain(file, "<s> a"), (Ids{1, 3, 3, 4}));
}

TEST(GgufByteLevel, CutsWordsAsItsPreNameSays) {
  GgufBuilder digits = byte_level({"1 2"}), runs = byte_level({"1 2"});
  EXPECT_EQ(plain(digits.text("tokenizer.ggml.pre", "starcoder"), "12"), (Ids{'1', '2'}));
  EXPECT_EQ(plain(runs.text("tokenizer.ggml.pre", "gpt-2"), "12"), (Ids{256}));
}

TEST(GgufByteLevel, Llama3IgnoresMergesAndAddsBos) {
  GgufBuilder file = byte_level({}, {{"hey"}, {"<|begin|>", 0, kControl}});
  file.text("tokenizer.ggml.pre", "llama-bpe").count("tokenizer.ggml.bos_token_id", 257);
  EXPECT_EQ(ids(load_gguf(file).encode("hey")), (Ids{257, 256}));
  EXPECT_EQ(ids(load_gguf(file).encode("<|begin|>hey")), (Ids{257, 256})) << "never twice";
}

TEST(GgufByteLevel, Qwen2Composes) {
  GgufBuilder file = byte_level({"Ã ©"});
  EXPECT_EQ(plain(file.text("tokenizer.ggml.pre", "qwen2"), "e\u0301"), (Ids{256}));
}

TEST(GgufByteLevel, AFileWithoutAPreNameIsCutAsOldFilesWere) {
  EXPECT_EQ(plain(byte_level({"1 2", "12 3", "123 4"}), "1234"), (Ids{257, '4'})) << "three digits together";
}

TEST(GgufByteLevel, DecodesTheTextOfControlAndUserDefinedTokensAsItStands) {
  GgufBuilder file = byte_level({"h e"}, {{"éé", 0, kUserDefined}, {"<|é|>", 0, kControl}});
  const Tokenizer tokenizer = load_gguf(file.text("tokenizer.ggml.pre", "gpt-2"));
  EXPECT_EQ(tokenizer.decode(tokens({256, 257, 258}), true), "heéé<|é|>");
}

TEST(GgufSentencePiece, NoEndTokenIsPutBehindThePrompt) {
  GgufBuilder file = spm(kAbc);
  file.pair("tokenizer.ggml.add_eos_token", test::kBool, std::string(1, '\1'));
  EXPECT_EQ(ids(load_gguf(file).encode("a")), (Ids{1, 3, 4}));
}

TEST(GgufTokenizer, EveryEndTokenIsAControlTokenWhateverItsTypeSays) {
  for (const char* text : {"<|endoftext|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<eos>"}) {
    for (const Type type : {kNormal, kUserDefined, kControl}) {
      GgufBuilder file = byte_level({}, {{text, 0, type}});
      const Tokenizer tokenizer = load_gguf(file.text("tokenizer.ggml.pre", "gpt-2"));
      EXPECT_TRUE(tokenizer.is_special(TokenId(256))) << text;
      EXPECT_EQ(tokenizer.decode(tokens({'a', 256})), "a");
    }
  }
}

TEST(GgufTokenizer, HolesAreIdsWithoutATextAndThoseMarkedUnused) {
  const GgufBuilder file =
      spm({{"a"}, {""}, {"[PAD5]", 0, kUnused}, {"b"}, {"[PAD7]", 0, kUnused}, {"<x>", 0, kControl}});
  EXPECT_EQ(load_gguf(file).holes(), tokens({4, 5, 7}));
  EXPECT_EQ(load_gguf(spm(kAbc)).holes(), tokens({}));
}

TEST(GgufByteLevel, EmptyEntriesAreNoTokens) {
  GgufBuilder file = byte_level({}, {{""}, {"<x>", 0, kUserDefined}});
  const Tokenizer tokenizer = load_gguf(file.text("tokenizer.ggml.pre", "gpt-2"));
  EXPECT_FALSE(tokenizer.exists(TokenId(256)));
  EXPECT_EQ(ids(tokenizer.encode("<x>")), (Ids{257}));
}

TEST(GgufTokenizerRefusals, ModelsAndSplitsAreNamed) {
  expect_error<ConfigError>(vocabulary("bert", {{"a"}}), "tokenizer.ggml.model bert");
  expect_error<ConfigError>(vocabulary("t5", {{"a"}}), "tokenizer.ggml.model t5");
  GgufBuilder file = byte_level({});
  file.text("tokenizer.ggml.pre", "bloom");
  expect_error<ConfigError>(file, "tokenizer.ggml.pre \"bloom\"");
}

TEST(GgufTokenizerRefusals, FilesThatContradictThemselvesAreModelFileErrors) {
  expect_error<ModelFileError>(GgufBuilder(), "has no tokenizer");
  expect_error<ModelFileError>(GgufBuilder().text("tokenizer.ggml.model", "llama"), "no tokenizer.ggml.tokens");
  expect_error<ModelFileError>(spm({{"a"}, {"a"}}), "token \"a\" has ids 3 and 4");
  expect_error<ModelFileError>(spm({{"\xFF"}}), "token 3 is no UTF-8");
  expect_error<ModelFileError>(spm({{std::string(2000, 'a')}}), "2000 bytes");
  GgufBuilder bos = spm(kAbc);
  expect_error<ModelFileError>(bos.count("tokenizer.ggml.bos_token_id", 99), "bos_token_id is 99");
  GgufBuilder no_bos = byte_level({});
  expect_error<ModelFileError>(no_bos.text("tokenizer.ggml.pre", "llama-bpe"), "no tokenizer.ggml.bos_token_id");
  GgufBuilder merges = byte_level({});
  merges = vocabulary("gpt2", {{"a"}});
  expect_error<ModelFileError>(merges, "no tokenizer.ggml.merges");
  merges.texts("tokenizer.ggml.merges", {"a b"});
  expect_error<ModelFileError>(merges, "token \"b\"");
  GgufBuilder no_space = vocabulary("gpt2", {{"a"}});
  expect_error<ModelFileError>(no_space.texts("tokenizer.ggml.merges", {"ab"}), "not two tokens");
  GgufBuilder few = GgufBuilder()
                        .text("tokenizer.ggml.model", "llama")
                        .texts("tokenizer.ggml.tokens", {"a", "b"})
                        .numbers<float>("tokenizer.ggml.scores", test::kF32, {0.f});
  expect_error<ModelFileError>(few, "scores has 1 entries for 2 tokens");
}

}  // namespace
}  // namespace gemring
