// Whether the ids of two tokenizers are the same tokens.
#include <gtest/gtest.h>

#include "tests/engine/text/tokenizer/tiny_tokenizer.h"
#include "tests/support/gguf.h"

namespace gemring {
namespace {

Tokenizer with_added(const std::vector<std::string>& contents) {
  nlohmann::json tokenizer = tiny_tokenizer({"a b", "ab c"});
  std::int64_t id = 258;
  for (const std::string& content : contents) tokenizer["added_tokens"].push_back(added_token(id++, content));
  return load(tokenizer);
}

TEST(FirstDifference, EqualListsHaveNoneHoweverTheirTextsAreCut) {
  const Tokenizer one = load(tiny_tokenizer({"a b", "ab c"}));
  EXPECT_EQ(first_difference(one, one), std::nullopt);
  nlohmann::json other = tiny_tokenizer({"a b", "ab c"});
  other["pre_tokenizer"]["use_regex"] = false;
  other["model"]["merges"] = {"ab c"};
  EXPECT_EQ(first_difference(one, load(other)), std::nullopt);
}

TEST(FirstDifference, IsTheLowestIdThatIsAnotherToken) {
  const Tokenizer one = load(tiny_tokenizer({"a b", "ab c", "x y"}));
  const Tokenizer other = load(tiny_tokenizer({"a b", "b c", "y x"}));
  EXPECT_EQ(first_difference(one, other), TokenId(257));
  EXPECT_EQ(first_difference(other, one), TokenId(257));
}

TEST(FirstDifference, ATokenThatOnlyOneHasIsOne) {
  const Tokenizer one = with_added({"<end>"});
  EXPECT_EQ(first_difference(one, with_added({})), TokenId(258));
  EXPECT_EQ(first_difference(with_added({}), one), TokenId(258));
  EXPECT_EQ(first_difference(one, with_added({"<end>", "<more>"})), TokenId(259));
  EXPECT_EQ(first_difference(one, with_added({"<stop>"})), TokenId(258));
}

/// Tokens of a GGUF file by their types there.
Tokenizer of_gguf(const std::vector<std::pair<std::string, std::int32_t>>& pieces) {
  std::vector<std::string> texts;
  std::vector<float> scores;
  std::vector<std::int32_t> types;
  for (const auto& [text, type] : pieces) {
    texts.push_back(text);
    types.push_back(type);
    scores.push_back(-static_cast<float>(texts.size()));
  }
  test::GgufBuilder file;
  file.text("tokenizer.ggml.model", "llama")
      .texts("tokenizer.ggml.tokens", texts)
      .numbers("tokenizer.ggml.scores", test::kF32, scores)
      .numbers("tokenizer.ggml.token_type", test::kI32, types);
  const TemporaryDirectory directory;
  directory.write("model.gguf", file.build());
  return Tokenizer::load(directory.path() + "/model.gguf");
}

TEST(FirstDifference, PaddingIsNoToken) {
  enum : std::int32_t { normal = 1, unknown = 2, control = 3, unused = 5, byte = 6 };
  const std::vector<std::pair<std::string, std::int32_t>> few = {{"<unk>", unknown}, {"<s>", control}, {"▁a", normal}};
  const auto with = [&](std::vector<std::pair<std::string, std::int32_t>> more) {
    more.insert(more.begin(), few.begin(), few.end());
    return of_gguf(more);
  };
  EXPECT_EQ(first_difference(of_gguf(few), with({{"[PAD3]", unused}, {"[PAD4]", unused}})), std::nullopt);
  EXPECT_EQ(first_difference(with({{"<dummy>", unused}}), with({{"[PAD3]", unused}})), std::nullopt);
  EXPECT_EQ(first_difference(of_gguf(few), with({{"b", normal}})), TokenId(3));
  EXPECT_EQ(first_difference(with({{"<0x62>", byte}}), with({{"b", normal}})), TokenId(3));  // a byte is no letter
  EXPECT_EQ(first_difference(with({{"▁b", normal}}), with({{"b", normal}})), TokenId(3));    // nor a word its end
}

}  // namespace
}  // namespace gemring
