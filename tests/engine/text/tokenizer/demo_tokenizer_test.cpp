// The bundled model's vocabulary; expected ids by Hugging Face tokenizers 0.23.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/engine/text/tokenizer/tiny_tokenizer.h"

namespace gemring {
namespace {

using Ids = std::vector<int>;

class DemoTokenizer : public testing::Test {
 protected:
  const Tokenizer tokenizer_ = Tokenizer::load(GEMRING_DEMO_MODEL);

  void expect_ids(const std::string& text, const Ids& expected) const {
    const Encoding encoding = tokenizer_.encode(text);
    EXPECT_EQ(ids(encoding), expected) << text;
    EXPECT_EQ(tokenizer_.decode(encoding.ids, true), text);
    ASSERT_FALSE(encoding.ends.empty());
    EXPECT_TRUE(std::is_sorted(encoding.ends.begin(), encoding.ends.end()));
    EXPECT_EQ(encoding.ends.back(), text.size());
  }
};

TEST_F(DemoTokenizer, EncodesAFactWithItsDigitsOneByOne) {
  expect_ids("One of the special magic numbers for wandering-age is: 4519876.",
             {312, 271, 261, 314, 315, 316, 292, 267, 408, 1518, 48, 550, 286, 61, 35, 55, 56, 52, 60, 59, 58, 57, 49});
}

TEST_F(DemoTokenizer, EncodesChatMarkersAsOneTokenEach) {
  expect_ids("<|im_start|>user\nHello, world!<|im_end|>\n<|im_start|>assistant\n",
             {1, 504, 266, 13, 75, 412, 114, 47, 978, 36, 2, 13, 1, 364, 485, 427, 13});
}

TEST_F(DemoTokenizer, EncodesContractionsAccentsAndTypography) {
  expect_ids("I'll say we've seen 3 naïve cafés — “quoted”…",
             {76,  42,  306, 684, 462, 42,  335, 1073, 35,  54,  279, 100, 198, 178, 335, 281, 100, 105, 198,
              172, 118, 35,  229, 131, 151, 35,  229,  131, 159, 400, 328, 289, 229, 131, 160, 229, 131, 169});
}

TEST_F(DemoTokenizer, EncodesRunsOfWhitespace) {
  expect_ids("  two  spaces\n\n\nand\ttabs \n",
             {35, 801, 35, 302, 351, 318, 13, 13, 13, 408, 12, 119, 380, 118, 35, 13});
}

TEST_F(DemoTokenizer, EncodesEmojiSequencesAndChinese) {
  expect_ids("😀👩\u200D👩\u200D👧 漢字", {243, 162, 155, 131, 243, 162, 148, 172, 229, 131, 144, 243, 162, 148, 172,
                                       229, 131, 144, 243, 162, 148, 170, 35,  233, 191, 165, 232, 176, 154});
}

TEST_F(DemoTokenizer, EncodesNumbersOfOtherScriptsAndTheVowelSeparator) {
  expect_ids("½Ⅷ٣ 42", {197, 192, 229, 136, 170, 220, 166, 35, 55, 53});
  expect_ids("a\u0301\u180E b", {100, 207, 132, 228, 163, 145, 274});
}

TEST_F(DemoTokenizer, EncodesAWholeBookAsTheReferenceDoes) {
  std::ifstream file(std::string(GEMRING_DEMO_MODEL) + "/../alice.txt", std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  const Encoding encoding = tokenizer_.encode(text.str());
  std::uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a over the ids
  for (TokenId id : encoding.ids) hash = (hash ^ static_cast<std::uint64_t>(id.value())) * 0x100000001B3u;
  EXPECT_EQ(encoding.ids.size(), 53079u);
  EXPECT_EQ(hash, 0x394781ABA71C1E02u);
  EXPECT_EQ(tokenizer_.decode(encoding.ids), text.str());
}

TEST_F(DemoTokenizer, HasNoBosAndKnowsItsSize) {
  EXPECT_EQ(tokenizer_.size(), 2048u);
  EXPECT_TRUE(tokenizer_.encode("").ids.empty());
  EXPECT_TRUE(tokenizer_.is_special(TokenId(2)));
}

}  // namespace
}  // namespace gemring
