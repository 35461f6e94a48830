#include "engine/text/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/base/error.h"
#include "tests/engine/text/tokenizer/tiny_tokenizer.h"

namespace gemring {
namespace {

using Ids = std::vector<int>;
using Ends = std::vector<std::size_t>;

// 256 "he", 257 "ll", 258 "hell", 259 " o" (Ġ is the space), 260 "hello"
const std::vector<std::string> kHelloMerges = {"h e", "l l", "he ll", "Ġ o", "hell o"};

TEST(Tokenizer, MergesInsideWordsOnly) {
  const Encoding encoding = load(tiny_tokenizer(kHelloMerges)).encode("hello o");
  EXPECT_EQ(ids(encoding), (Ids{260, 259}));
  EXPECT_EQ(encoding.ends, (Ends{5, 7}));
}

TEST(Tokenizer, MergesMayBePairsInsteadOfStrings) {
  nlohmann::json file = tiny_tokenizer(kHelloMerges);
  for (auto& merge : file["model"]["merges"]) {
    const auto line = merge.get<std::string>();
    merge = json_array({line.substr(0, line.find(' ')), line.substr(line.find(' ') + 1)});
  }
  EXPECT_EQ(ids(load(file).encode("hello o")), (Ids{260, 259}));
}

TEST(Tokenizer, OfTextWithoutBytesIsEmpty) {
  EXPECT_EQ(ids(load(tiny_tokenizer({})).encode("")), Ids{});
}

TEST(Tokenizer, IgnoreMergesTakesAWordOfTheVocabularyWhole) {
  nlohmann::json file = tiny_tokenizer({});
  file["model"]["vocab"]["hey"] = 256;
  EXPECT_EQ(ids(load(file).encode("hey")), (Ids{'h', 'e', 'y'}));
  file["model"]["ignore_merges"] = true;
  EXPECT_EQ(ids(load(file).encode("hey heyy")), (Ids{256, ' ', 'h', 'e', 'y', 'y'}));
}

TEST(Tokenizer, EndsMayLieInsideAUtf8Sequence) {
  const Encoding encoding = load(tiny_tokenizer({})).encode("é!");
  EXPECT_EQ(ids(encoding), (Ids{0xC3, 0xA9, '!'}));
  EXPECT_EQ(encoding.ends, (Ends{1, 2, 3}));
}

TEST(Tokenizer, EndsCountTheOriginalTextWhereASpaceIsPutInFront) {
  nlohmann::json file = tiny_tokenizer(kHelloMerges);
  file["pre_tokenizer"]["add_prefix_space"] = true;
  const Encoding encoding = load(file).encode("ox");
  EXPECT_EQ(ids(encoding), (Ids{259, 'x'}));
  EXPECT_EQ(encoding.ends, (Ends{1, 2}));
  EXPECT_EQ(ids(load(file).encode(" ox")), (Ids{259, 'x'}));
}

TEST(Tokenizer, WhatIsDroppedAtTheEndBelongsToTheLastToken) {
  nlohmann::json file = tiny_tokenizer({});
  file["model"]["vocab"].erase("x");
  EXPECT_EQ(ids(load(file).encode("axbx")), (Ids{'a', 'b'}));
  EXPECT_EQ(load(file).encode("axbx").ends, (Ends{1, 4}));
  EXPECT_TRUE(load(file).encode("x").ends.empty());
}

TEST(Tokenizer, TheTokensOfAQuestionAreThoseThatEndBehindItsFirstByte) {
  // "...\nhello" + " o?": the question begins at byte 8.
  const std::string prompt = "ab\nhello", question = " o?";
  const Encoding encoding = load(tiny_tokenizer(kHelloMerges)).encode(prompt + question);
  EXPECT_EQ(ids(encoding), (Ids{'a', 'b', '\n', 260, 259, '?'}));
  const auto in_question =
      std::count_if(encoding.ends.begin(), encoding.ends.end(), [&](std::size_t end) { return end > prompt.size(); });
  EXPECT_EQ(in_question, 2);
}

TEST(Tokenizer, SpecialTokensInThePromptAreParsed) {
  nlohmann::json file = tiny_tokenizer(kHelloMerges);
  file["added_tokens"] = json_array({added_token(300, "<|end|>")});
  const Tokenizer tokenizer = load(file);
  const Encoding encoding = tokenizer.encode("he<|end|>he");
  EXPECT_EQ(ids(encoding), (Ids{256, 300, 256}));
  EXPECT_EQ(encoding.ends, (Ends{2, 9, 11}));
  EXPECT_TRUE(tokenizer.is_special(TokenId(300)));
  EXPECT_FALSE(tokenizer.is_special(TokenId(256)));
  EXPECT_FALSE(tokenizer.is_special(TokenId(301)));
  EXPECT_FALSE(tokenizer.is_special(TokenId(-1)));
  EXPECT_EQ(tokenizer.size(), 301u);
}

TEST(Tokenizer, BosComesFromThePostProcessorOnce) {
  nlohmann::json file = tiny_tokenizer(kHelloMerges);
  file["added_tokens"] = json_array({added_token(300, "<s>")});
  const nlohmann::json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", true}};
  file["post_processor"] = {{"type", "Sequence"}, {"processors", json_array({byte_level, bos_template(300, "<s>")})}};
  const Tokenizer tokenizer = load(file);
  EXPECT_EQ(ids(tokenizer.encode("he")), (Ids{300, 256}));
  EXPECT_EQ(tokenizer.encode("he").ends, (Ends{0, 2}));
  EXPECT_EQ(ids(tokenizer.encode("")), (Ids{300}));
  EXPECT_EQ(ids(tokenizer.encode("<s>he")), (Ids{300, 256})) << "the text has its own BOS";
  EXPECT_EQ(tokenizer.encode("<s>he").ends, (Ends{3, 5}));
}

TEST(Tokenizer, BosComesFromTheConfigWhereThePostProcessorHasNone) {
  nlohmann::json file = tiny_tokenizer(kHelloMerges);
  file["added_tokens"] = json_array({added_token(300, "<s>")});
  EXPECT_EQ(ids(load(file, {{"bos_token", "<s>"}}).encode("he")), (Ids{256}));
  EXPECT_EQ(ids(load(file, {{"add_bos_token", false}, {"bos_token", "<s>"}}).encode("he")), (Ids{256}));
  EXPECT_EQ(ids(load(file, {{"add_bos_token", true}, {"bos_token", "<s>"}}).encode("he")), (Ids{300, 256}));
  EXPECT_EQ(ids(load(file, {{"add_bos_token", true}, {"bos_token", {{"content", "<s>"}}}}).encode("<s>he")),
            (Ids{300, 256}));
}

TEST(Tokenizer, AnExplicitAddBosTokenDecidesOverThePostProcessor) {
  nlohmann::json file = tiny_tokenizer(kHelloMerges);
  file["added_tokens"] = json_array({added_token(300, "<s>")});
  file["post_processor"] = bos_template(300, "<s>");
  EXPECT_EQ(ids(load(file, {{"add_bos_token", true}, {"bos_token", "<s>"}}).encode("he")), (Ids{300, 256}));
  EXPECT_EQ(ids(load(file, {{"add_bos_token", false}}).encode("he")), (Ids{256}));
}

TEST(Tokenizer, BytesAreTheTokensOwnAndEmptyForSpecialAndMissingOnes) {
  nlohmann::json file = tiny_tokenizer(kHelloMerges);
  nlohmann::json plain = added_token(301, "two words");
  plain["special"] = false;
  file["added_tokens"] = json_array({added_token(300, "<s>"), plain});
  const Tokenizer tokenizer = load(file);
  EXPECT_EQ(tokenizer.bytes(TokenId(259)), " o");
  EXPECT_EQ(tokenizer.bytes(TokenId(0xC3)), "\xC3");
  EXPECT_EQ(tokenizer.bytes(TokenId(301)), "two words");
  EXPECT_EQ(tokenizer.bytes(TokenId(300)), "");
  EXPECT_EQ(tokenizer.bytes(TokenId(280)), "") << "between the last merge and the added tokens";
  EXPECT_EQ(tokenizer.bytes(TokenId(5000)), "");
}

TEST(Tokenizer, DecodeLeavesSpecialTokensOutUnlessAsked) {
  nlohmann::json file = tiny_tokenizer(kHelloMerges);
  file["added_tokens"] = json_array({added_token(300, "<s>")});
  const Tokenizer tokenizer = load(file);
  EXPECT_EQ(tokenizer.decode(tokens({300, 260, 0xC3, 0xA9})), "helloé");
  EXPECT_EQ(tokenizer.decode(tokens({300, 260}), true), "<s>hello");
  EXPECT_EQ(tokenizer.decode(tokens({0xC3, 'x', 0xE2, 0x82})), "\uFFFDx\uFFFD");
}

TEST(Tokenizer, TextThatIsNoUtf8IsRefusedWithItsByte) {
  const Tokenizer tokenizer = load(tiny_tokenizer({}));
  try {
    tokenizer.encode("good\xFF");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(error.text().problem, "byte 4 (0xFF) is no valid UTF-8");
  }
}

}  // namespace
}  // namespace gemring
