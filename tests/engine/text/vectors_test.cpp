// Encodings of real vocabularies by Hugging Face tokenizers, which may not be copied: read from GEMRING_SHARED_DATA.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/engine/text/tiny_tokenizer.h"

namespace gemring {
namespace {

TEST(TokenizerVectors, SmolLm2EncodesAndDecodesEveryLineAsTheReference) {
  const char* shared = std::getenv("GEMRING_SHARED_DATA");
  if (shared == nullptr) GTEST_SKIP() << "GEMRING_SHARED_DATA is not set: no vectors of SmolLM2's vocabulary";
  const std::string folder = std::string(shared) + "/tokenizers/smollm2";
  const Tokenizer tokenizer = Tokenizer::load(folder);
  std::ifstream vectors(folder + "/vectors.jsonl");
  int lines = 0;
  for (std::string line; std::getline(vectors, line); ++lines) {
    const auto expected = nlohmann::json::parse(line);
    const auto text = expected.at("text").get<std::string>();
    EXPECT_EQ(ids(tokenizer.encode(text)), expected.at("with_special").get<std::vector<int>>()) << text;
    EXPECT_EQ(tokenizer.decode(tokens(expected.at("ids").get<std::vector<int>>()), true), expected.at("decoded"))
        << text;
  }
  EXPECT_GE(lines, 300);
}

}  // namespace
}  // namespace gemring
