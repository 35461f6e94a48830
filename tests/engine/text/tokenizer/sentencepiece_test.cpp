// Tokenizers without a pre-tokeniser: Llama-2's kind, from tokenizer.json.
#include <gtest/gtest.h>

#include "engine/text/tokenizer/word_cutter.h"
#include "tests/engine/text/tokenizer/tiny_tokenizer.h"

namespace gemring {
namespace {

using Ids = std::vector<int>;
using Ends = std::vector<std::size_t>;

// 0 <unk>, 1 ▁, 2 a, 3 b, 4 ▁a, 5 ab, 6 ▁ab, 7 ▁▁, then the byte tokens of é
const std::vector<std::string> kEntries = {"<unk>", "▁", "a", "b", "▁a", "ab", "▁ab", "▁▁", "<0xC3>", "<0xA9>"};
const std::vector<std::string> kMerges = {"▁ a", "a b", "▁a b", "▁ ▁"};

nlohmann::json tokenizer_json() {
  nlohmann::json file = spm_tokenizer(kEntries, kMerges);
  file["model"]["unk_token"] = "<unk>";
  return file;
}

TEST(SentencePiece, PutsASpaceInFrontAndMergesAcrossTheWholeText) {
  const Encoding encoding = load(tokenizer_json()).encode("ab a");
  EXPECT_EQ(ids(encoding), (Ids{6, 4}));
  EXPECT_EQ(encoding.ends, (Ends{2, 4}));
}

TEST(SentencePiece, ASpaceInFrontEndsWhereTheTextBegins) {
  const Encoding encoding = load(tokenizer_json()).encode("b  b");
  EXPECT_EQ(ids(encoding), (Ids{1, 3, 7, 3}));
  EXPECT_EQ(encoding.ends, (Ends{0, 1, 3, 4}));
}

TEST(SentencePiece, CharactersWithoutATokenFallBackToBytesIfAllHaveOne) {
  const Tokenizer tokenizer = load(tokenizer_json());
  EXPECT_EQ(ids(tokenizer.encode("é")), (Ids{1, 8, 9}));
  EXPECT_EQ(tokenizer.encode("é").ends, (Ends{0, 1, 2}));
  EXPECT_EQ(ids(tokenizer.encode("ü")), (Ids{1, 0})) << "0xBC has no token";
}

TEST(SentencePiece, UnknownCharactersAreFusedOnlyWhereTheFileSaysSo) {
  nlohmann::json file = tokenizer_json();
  EXPECT_EQ(ids(load(file).encode("xya")), (Ids{1, 0, 0, 2}));
  file["model"]["fuse_unk"] = true;
  EXPECT_EQ(ids(load(file).encode("xya")), (Ids{1, 0, 2}));
  EXPECT_EQ(load(file).encode("xya").ends, (Ends{0, 2, 3}));
}

TEST(SentencePiece, DecodingJoinsBytesAndTakesTheSpaceInFrontAway) {
  const Tokenizer tokenizer = load(tokenizer_json());
  EXPECT_EQ(tokenizer.decode(tokens({6, 4, 8, 9, 1})), "ab aé ");
  EXPECT_EQ(tokenizer.decode(tokens({7, 2})), " a");
  EXPECT_EQ(tokenizer.decode(tokens({1, 1})), " ") << "one space, also where it is a token of its own";
}

TEST(SentencePiece, ARunOfBytesThatIsNoUtf8BecomesOneReplacementAByte) {
  const Tokenizer tokenizer = load(tokenizer_json());
  EXPECT_EQ(tokenizer.decode(tokens({2, 8, 2})), "a\uFFFDa");
  EXPECT_EQ(tokenizer.decode(tokens({8, 9, 9})), "\uFFFD\uFFFD\uFFFD") << "the whole run, as the reference";
  StreamingDecoder stream(tokenizer);
  EXPECT_EQ(stream.push(TokenId(8)), "");
  EXPECT_EQ(stream.push(TokenId(9)), "é") << "as they come, what is whole is given";
  EXPECT_EQ(stream.push(TokenId(9)), "\uFFFD");
  EXPECT_EQ(stream.push(TokenId(8)), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
}

TEST(SentencePiece, EachPieceBetweenAddedTokensGetsItsSpace) {
  nlohmann::json file = tokenizer_json();
  file["added_tokens"] = json_array({added_token(10, "<s>")});
  EXPECT_EQ(ids(load(file).encode("<s>ab<s>")), (Ids{10, 6, 10}));
}

TEST(SentencePiece, AddedTokensOfTheNormalizedTextAreNormalizedToo) {
  nlohmann::json file = tokenizer_json();
  nlohmann::json token = added_token(10, "a b");
  token["normalized"] = true;
  file["added_tokens"] = json_array({token});
  // Its content becomes "▁a▁b": found where a space stands before it, in the text or put there.
  EXPECT_EQ(ids(load(file).encode("a b")), (Ids{10}));
  EXPECT_EQ(ids(load(file).encode("ba b a b")), (Ids{1, 3, 2, 1, 3, 10}));
  EXPECT_EQ(load(file).encode("ba b a b").ends, (Ends{0, 1, 2, 3, 4, 8}));
}

TEST(SentencePiece, IsTheSameCutOrWhole) {
  // A merge whose right token begins with ▁ forbids the cut before it.
  std::vector<std::string> entries = kEntries, merges = kMerges;
  entries.push_back("b▁");
  merges.insert(merges.begin(), "b ▁");
  EXPECT_EQ(ids(load(spm_tokenizer(entries, merges)).encode("ab ab")), (Ids{4, 10, 5}));
}

TEST(SentencePiece, IgnoreMergesTakesTheWholeTextWhereItIsAToken) {
  nlohmann::json file = spm_tokenizer({"▁", "a", "▁aaa"}, {});
  file["model"]["ignore_merges"] = true;
  EXPECT_EQ(ids(load(file).encode("aaa")), (Ids{2}));
  EXPECT_EQ(ids(load(file).encode("aaa aaa")), (Ids{0, 1, 1, 1, 0, 1, 1, 1}));
}

TEST(SentencePiece, MetaspaceDoesWhatTheNormalizerDid) {
  nlohmann::json file = tokenizer_json();
  file["normalizer"] = nullptr;
  file["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", false}};
  file["decoder"] = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}, {"split", false}};
  file["added_tokens"] = json_array({added_token(10, "<s>")});
  const Tokenizer tokenizer = load(file);
  EXPECT_EQ(ids(tokenizer.encode("ab<s>ab")), (Ids{6, 10, 5})) << "only where the text begins";
  EXPECT_EQ(tokenizer.decode(tokens({6, 4, 7})), "ab a  ");
  EXPECT_EQ(tokenizer.decode(tokens({7, 2})), "a") << "the first token loses all its spaces";
}

TEST(SentencePiece, MetaspaceInItsOldSpelling) {
  nlohmann::json file = tokenizer_json();
  file["normalizer"] = nullptr;
  file["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "▁"}, {"add_prefix_space", true}};
  EXPECT_EQ(ids(load(file).encode("ab ab")), (Ids{6, 6}));
  file["pre_tokenizer"]["add_prefix_space"] = false;
  EXPECT_EQ(ids(load(file).encode("ab ab")), (Ids{5, 6}));
}

TEST(SentencePiece, AMegabyteWithoutASpaceIsEncodedInTimeNLogN) {
  std::vector<std::string> entries = {"▁", "a"}, merges;
  for (int level = 0; level < 10; ++level) {
    merges.push_back(entries.back() + " " + entries.back());
    entries.push_back(entries.back() + entries.back());
  }
  const Encoding encoding = load(spm_tokenizer(entries, merges)).encode(std::string(1u << 20, 'a'));
  EXPECT_EQ(encoding.ids.size(), 1u + (1u << 10));
  EXPECT_EQ(encoding.ends.back(), 1u << 20);
}

TEST(WordCutter, CutsOnlyBetweenKnownCharactersThatNothingJoins) {
  WordCutter cutter;
  EXPECT_EQ(cutter.first_part("a▁b"), 5u) << "as made, nowhere";
  for (char32_t code : {U'a', U'b', U'\u2581'}) cutter.allow(code);
  cutter.add_join('a', 'b');
  cutter.add_join(0x2581, 'a');
  EXPECT_EQ(cutter.first_part("ab▁a"), 2u);
  EXPECT_EQ(cutter.first_part("▁ab"), 5u);
  EXPECT_EQ(cutter.first_part("ba"), 1u);
  EXPECT_EQ(cutter.first_part("bxa"), 3u) << "x was not allowed";
  EXPECT_EQ(cutter.first_part("béa"), 4u);
}

}  // namespace
}  // namespace gemring
