// What other implementations make of texts: Hugging Face tokenizers (tokenizer.json) and llama.cpp (GGUF). Vocabularies
// that may not be copied are read from GEMRING_SHARED_DATA.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>

#include "engine/text/unicode/utf8.h"
#include "tests/engine/text/tokenizer/tiny_tokenizer.h"

namespace gemring {
namespace {

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void expect_ends_of(const Encoding& encoding, const std::string& text) {
  EXPECT_TRUE(std::is_sorted(encoding.ends.begin(), encoding.ends.end())) << text;
  if (encoding.ends.empty()) return;
  EXPECT_EQ(encoding.ends.back(), text.size()) << text;
}

// Each line {text, ids, with_special, decoded}.
void expect_vectors(const std::string& folder, int least) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  EncodeOptions plain;
  plain.add_bos = false;
  std::ifstream vectors(folder + "/vectors.jsonl");
  int lines = 0;
  for (std::string line; std::getline(vectors, line); ++lines) {
    const auto vector = nlohmann::json::parse(line);
    const auto text = vector.at("text").get<std::string>();
    const auto bare = vector.at("ids").get<std::vector<int>>();
    auto special = vector.at("with_special").get<std::vector<int>>();
    // The reference adds BOS to a text that brings its own along; gemring never has it twice.
    if (special.size() > 1 && special.size() == bare.size() + 1 && special[0] == special[1]) special = bare;
    const Encoding encoding = tokenizer.encode(text, plain);
    EXPECT_EQ(ids(encoding), bare) << text;
    EXPECT_EQ(ids(tokenizer.encode(text)), special) << text;
    EXPECT_EQ(tokenizer.decode(tokens(bare), true), vector.at("decoded")) << text;
    expect_ends_of(encoding, text);
  }
  EXPECT_GE(lines, least);
}

// Texts with a line between two of them, and a line of ids for each.
void expect_llama_cpp_vectors(const std::string& tokenizer_path, const std::string& stem) {
  const Tokenizer tokenizer = Tokenizer::load(tokenizer_path);
  EncodeOptions plain;
  plain.add_bos = false;
  const std::string separator = "\n__ggml_vocab_test__\n", texts = read(stem + ".inp");
  std::istringstream lines(read(stem + ".out"));
  int count = 0;
  for (std::size_t begin = 0; begin <= texts.size(); ++count) {
    const std::size_t end = std::min(texts.find(separator, begin), texts.size());
    const std::string text = texts.substr(begin, end - begin);
    begin = end == texts.size() ? texts.size() + 1 : end + separator.size();
    std::string line;
    std::getline(lines, line);
    std::istringstream numbers(line);
    const std::vector<int> expected{std::istream_iterator<int>(numbers), {}};
    EXPECT_EQ(ids(tokenizer.encode(text, plain)), expected) << text;
  }
  EXPECT_EQ(count, 47);
}

// With GTEST_SKIP where there is no such folder.
#define REQUIRE_SHARED_DATA(shared)                                                         \
  const char* shared = std::getenv("GEMRING_SHARED_DATA");                                  \
  if (shared == nullptr) GTEST_SKIP() << "GEMRING_SHARED_DATA is not set";                  \
  if (!std::ifstream(std::string(shared) + "/tokenizers/README.md").is_open()) {            \
    GTEST_SKIP() << "no tokenizers in GEMRING_SHARED_DATA (" << std::string(shared) << ")"; \
  }

TEST(TokenizerVectors, OfTheBundledTekkenAreEncodedAndDecodedAsTheReferenceDoes) {
  expect_vectors(std::string(GEMRING_TEST_DATA) + "/tokenizers/tekken-small", 98);
}

TEST(TokenizerProperties, AByteLevelTokenizerGivesAnyTextBackAndItsOffsetsAscendToItsEnd) {
  const Tokenizer tokenizer = Tokenizer::load(std::string(GEMRING_TEST_DATA) + "/tokenizers/tekken-small");
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int length = static_cast<int>(random() % 40); length > 0; --length) {
      const char32_t limits[] = {0x80, 0x80, 0x300, 0x2100, 0xD800, 0x20000};
      const auto code = static_cast<char32_t>(random() % limits[random() % 6]);
      append_code_point(code >= 0xD800 && code < 0xE000 ? U' ' : code, text);
    }
    const Encoding encoding = tokenizer.encode(text);
    ASSERT_EQ(tokenizer.decode(encoding.ids, true), text);
    expect_ends_of(encoding, text);
    std::string joined;
    for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
      joined += tokenizer.bytes(encoding.ids[i]);
      ASSERT_EQ(joined.size(), encoding.ends[i]) << text;
    }
  }
}

class SharedTokenizerVectors : public testing::TestWithParam<const char*> {};

TEST_P(SharedTokenizerVectors, AreEncodedAndDecodedAsTheReferenceDoes) {
  REQUIRE_SHARED_DATA(shared);
  expect_vectors(std::string(shared) + "/tokenizers/" + GetParam(), 300);
}

INSTANTIATE_TEST_SUITE_P(All, SharedTokenizerVectors,
                         testing::Values("llama-2", "llama-3", "phi-3", "qwen2", "smollm2", "tekken-small"));

class LlamaCppVectors : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(LlamaCppVectors, AreEncodedAsLlamaCppDoes) {
  REQUIRE_SHARED_DATA(shared);
  const std::string folder = std::string(shared) + "/tokenizers/";
  const auto& [name, tokenizer] = GetParam();
  const std::string stem = folder + "llama.cpp/ggml-vocab-" + name + ".gguf";
  expect_llama_cpp_vectors(*tokenizer == '\0' ? stem : folder + tokenizer, stem);
}

// llama-bpe and qwen2 come without their GGUF file.
INSTANTIATE_TEST_SUITE_P(All, LlamaCppVectors,
                         testing::Values(std::pair{"gpt-2", ""}, std::pair{"starcoder", ""}, std::pair{"refact", ""},
                                         std::pair{"deepseek-coder", ""}, std::pair{"llama-spm", ""},
                                         std::pair{"phi-3", ""}, std::pair{"llama-bpe", "llama-3"},
                                         std::pair{"qwen2", "qwen2"}));

}  // namespace
}  // namespace gemring
