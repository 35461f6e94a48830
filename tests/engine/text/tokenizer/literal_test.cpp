// Special tokens that are written in a text, and texts in which they are not to be found.
#include <gtest/gtest.h>

#include "tests/engine/text/tokenizer/tiny_tokenizer.h"

namespace gemring {
namespace {

using Ids = std::vector<int>;

// 256 "he", 257 "hel"; 300 special, 301 an added token that is not
Tokenizer tokenizer() {
  nlohmann::json file = tiny_tokenizer({"h e", "he l"});
  nlohmann::json plain = added_token(301, "<tool>");
  plain["special"] = false;
  file["added_tokens"] = json_array({added_token(300, "<|end|>"), plain});
  file["post_processor"] = bos_template(300, "<|end|>");
  return load(file);
}

Encoding encode(const std::string& text, const std::vector<ByteRange>& literal, bool parse_special = true) {
  EncodeOptions options;
  options.add_bos = false;
  options.parse_special = parse_special;
  options.literal = literal;
  return tokenizer().encode(text, options);
}

const Ids kEndAsText = {'<', '|', 'e', 'n', 'd', '|', '>'};

TEST(LiteralText, HoldsNoSpecialTokens) {
  Ids expected = {300};
  expected.insert(expected.end(), kEndAsText.begin(), kEndAsText.end());
  expected.push_back(300);
  EXPECT_EQ(ids(encode("<|end|><|end|><|end|>", {{7, 14}})), expected);
}

TEST(LiteralText, ATokenThatReachesIntoItIsText) {
  EXPECT_EQ(ids(encode("<|end|>", {{6, 7}})), kEndAsText);
  EXPECT_EQ(ids(encode("<|end|>", {{0, 1}})), kEndAsText);
  EXPECT_EQ(ids(encode("<|end|>x", {{7, 8}})), (Ids{300, 'x'}));
  EXPECT_EQ(ids(encode("x<|end|>", {{0, 1}})), (Ids{'x', 300}));
}

TEST(LiteralText, WordsGoAcrossItsBorders) {
  EXPECT_EQ(ids(encode("hel", {{0, 2}})), (Ids{257}));
}

TEST(LiteralText, AddedTokensThatAreNotSpecialAreFoundInIt) {
  EXPECT_EQ(ids(encode("<tool>", {{0, 6}})), (Ids{301}));
}

TEST(LiteralText, WithoutParseSpecialIsTheWholeText) {
  EXPECT_EQ(ids(encode("<|end|>", {}, false)), kEndAsText);
  EXPECT_EQ(ids(encode("<tool>", {}, false)), (Ids{301}));
}

TEST(LiteralText, KeepsTheOffsets) {
  const Encoding encoding = encode("a<|end|>b", {{1, 3}});
  EXPECT_EQ(encoding.ends, (std::vector<std::size_t>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(LiteralText, ASpecialTokenDoesNotComeOutOfTheMergesEither) {
  nlohmann::json file = tiny_tokenizer({"< s", "<s >"});  // 257 is "<s>"
  file["added_tokens"] = json_array({added_token(257, "<s>")});
  file["model"]["ignore_merges"] = true;
  file["pre_tokenizer"]["use_regex"] = false;
  EncodeOptions options;
  options.parse_special = false;
  EXPECT_EQ(ids(load(file).encode("<s>", options)), (Ids{256, '>'}));
  EXPECT_EQ(ids(load(file).encode("<s>")), (Ids{257}));
}

TEST(EncodeOptions, BosIsAddedOnlyWhereItIsAskedFor) {
  EncodeOptions options;
  EXPECT_EQ(ids(tokenizer().encode("a", options)), (Ids{300, 'a'}));
  options.add_bos = false;
  EXPECT_EQ(ids(tokenizer().encode("a", options)), (Ids{'a'}));
  EXPECT_EQ(ids(tokenizer().encode("<|end|>a", options)), (Ids{300, 'a'}));
}

TEST(Exists, TellsIdsWithATokenFromHolesAndFromWhatLiesBeyond) {
  const Tokenizer loaded = tokenizer();
  EXPECT_TRUE(loaded.exists(TokenId(0)));
  EXPECT_TRUE(loaded.exists(TokenId(300)));
  EXPECT_FALSE(loaded.exists(TokenId(299)));
  EXPECT_FALSE(loaded.exists(TokenId(302)));
  EXPECT_FALSE(loaded.exists(TokenId(-1)));
  std::vector<TokenId> holes;  // ids 0..255 are bytes, 256 and 257 merges, 300 and 301 added tokens
  for (int id = 258; id < 300; ++id) holes.emplace_back(id);
  EXPECT_EQ(loaded.holes(), holes);
  EXPECT_EQ(loaded.decode(tokens({299, 302, -1, 151'935, 'a'})), "a");
}

}  // namespace
}  // namespace gemring
