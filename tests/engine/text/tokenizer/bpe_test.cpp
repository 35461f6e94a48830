#include "engine/text/tokenizer/bpe.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

// a b c are tokens 0 1 2; every other byte has none.
BpeModel abc_model(const std::vector<std::array<int, 3>>& merges) {
  BpeModel model;
  for (int i = 0; i < 3; ++i) model.byte_tokens[static_cast<std::size_t>('a' + i)] = TokenId(i);
  model.merges = MergeTable(merges.size());
  std::uint32_t rank = 0;
  for (const auto& [left, right, merged] : merges) {
    model.merges.insert(TokenId(left), TokenId(right), {rank++, TokenId(merged)});
  }
  return model;
}

std::vector<std::pair<int, int>> encode(const BpeModel& model, std::string_view word) {
  std::vector<BpeToken> tokens;
  BpeEncoder(model).encode(word, tokens);
  std::vector<std::pair<int, int>> out;
  for (const BpeToken& token : tokens) out.emplace_back(token.id.value(), static_cast<int>(token.end));
  return out;
}

using Tokens = std::vector<std::pair<int, int>>;  // id, end

TEST(Bpe, TheLowestRankMergesFirst) {
  // bc (rank 0) before ab (rank 1): a|bc, not ab|c.
  EXPECT_EQ(encode(abc_model({{1, 2, 3}, {0, 1, 4}}), "abc"), (Tokens{{0, 1}, {3, 3}}));
}

TEST(Bpe, EqualRanksMergeFromTheLeft) {
  EXPECT_EQ(encode(abc_model({{0, 0, 3}}), "aaa"), (Tokens{{3, 2}, {0, 3}}));
}

TEST(Bpe, MergedTokensMergeAgain) {
  EXPECT_EQ(encode(abc_model({{0, 1, 3}, {3, 2, 4}, {4, 4, 5}}), "abcabcab"), (Tokens{{5, 6}, {3, 8}}));
}

TEST(Bpe, ACandidateWhosePartnerMergedElsewhereIsDropped) {
  // ab is rank 1, bc rank 0, "a" + "bc" no merge: the queued ab must not take b away from bc.
  EXPECT_EQ(encode(abc_model({{1, 2, 3}, {0, 1, 4}, {4, 2, 5}}), "abc"), (Tokens{{0, 1}, {3, 3}}));
}

TEST(Bpe, AByteWithoutATokenIsDroppedAndItsNeighboursMerge) {
  EXPECT_EQ(encode(abc_model({{0, 1, 3}}), "axb"), (Tokens{{3, 3}}));
  EXPECT_EQ(encode(abc_model({}), "xyz"), Tokens{});
}

TEST(Bpe, UnknownBytesBecomeTheUnknownTokenOneByOneOrFused) {
  BpeModel model = abc_model({});
  model.unknown = TokenId(9);
  EXPECT_EQ(encode(model, "axxb"), (Tokens{{0, 1}, {9, 2}, {9, 3}, {1, 4}}));
  model.fuse_unknown = true;
  EXPECT_EQ(encode(model, "axxb"), (Tokens{{0, 1}, {9, 3}, {1, 4}}));
}

TEST(Bpe, AWholeWordInTheVocabularyNeedsNoMerge) {
  BpeModel model = abc_model({{0, 1, 3}});
  model.whole_words.emplace("abc", TokenId(7));
  EXPECT_EQ(encode(model, "abc"), (Tokens{{7, 3}}));
  EXPECT_EQ(encode(model, "abca"), (Tokens{{3, 2}, {2, 3}, {0, 4}}));
}

TEST(Bpe, AMegabyteInOneWordIsEncodedInTimeNLogN) {
  // 2^20 a's with merges aa -> 3, (3,3) -> 4, ... up to 2^10 a's a token. A quadratic loop would run for hours.
  std::vector<std::array<int, 3>> merges{{0, 0, 3}};
  for (int level = 3; level < 12; ++level) merges.push_back({level, level, level + 1});
  const Tokens tokens = encode(abc_model(merges), std::string(1u << 20, 'a'));
  ASSERT_EQ(tokens.size(), 1u << 10);
  EXPECT_EQ(tokens.front(), std::make_pair(12, 1 << 10));
  EXPECT_EQ(tokens.back(), std::make_pair(12, 1 << 20));
}

TEST(MergeTable, HoldsManyPairsAndTheLastOfADuplicate) {
  MergeTable table(1000);
  for (int i = 0; i < 1000; ++i) table.insert(TokenId(i % 10), TokenId(i), {static_cast<std::uint32_t>(i), TokenId(i)});
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(table.find(TokenId(i % 10), TokenId(i))->merged.value(), i);
  EXPECT_EQ(table.find(TokenId(1), TokenId(10)), nullptr);
  table.insert(TokenId(1), TokenId(1), {5, TokenId(77)});
  EXPECT_EQ(table.find(TokenId(1), TokenId(1))->merged.value(), 77);
}

}  // namespace
}  // namespace gemring
