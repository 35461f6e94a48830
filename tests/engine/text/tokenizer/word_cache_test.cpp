#include "engine/text/tokenizer/word_cache.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace gemring {
namespace {

TEST(WordCache, FindsEachOfManyWordsAfterGrowing) {
  WordCache cache;
  for (int i = 0; i < 5000; ++i) {
    const BpeToken tokens[] = {{TokenId(i), 1}, {TokenId(i + 1), 2}};
    cache.insert(fmt::format("word{}", i), tokens);
  }
  for (int i = 0; i < 5000; ++i) {
    const auto found = cache.find(fmt::format("word{}", i));
    ASSERT_TRUE(found) << i;
    ASSERT_EQ(found->size(), 2u);
    ASSERT_EQ((*found)[0].id.value(), i);
    ASSERT_EQ((*found)[1].end, 2u);
  }
  EXPECT_FALSE(cache.find("word5000"));
}

TEST(WordCache, AWordMayHaveNoTokens) {
  WordCache cache;
  cache.insert("gone", {});
  ASSERT_TRUE(cache.find("gone"));
  EXPECT_TRUE(cache.find("gone")->empty());
}

TEST(WordCache, LongWordsAreNotKept) {
  WordCache cache;
  const std::string word(1000, 'a');
  const BpeToken token[] = {{TokenId(1), 1000}};
  cache.insert(word, token);
  EXPECT_FALSE(cache.find(word));
}

TEST(WordCache, WordsThatDifferInTheLastByteAreTwo) {
  WordCache cache;
  const BpeToken one[] = {{TokenId(1), 17}}, two[] = {{TokenId(2), 17}};
  cache.insert("0123456789abcdefX", one);
  cache.insert("0123456789abcdefY", two);
  EXPECT_EQ(cache.find("0123456789abcdefX")->front().id.value(), 1);
  EXPECT_EQ(cache.find("0123456789abcdefY")->front().id.value(), 2);
}

}  // namespace
}  // namespace gemring
