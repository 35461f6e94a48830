// How each name of tokenizer.ggml.pre cuts text of many scripts. The words are those that the patterns of llama.cpp and
// of the models' own files give in another engine (Python's regex), stage by stage.
#include "engine/text/tokenizer/gguf_splits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "engine/base/error.h"
#include "engine/text/unicode/utf8.h"

namespace gemring {
namespace {

using Words = std::vector<std::string>;

const std::vector<std::string> kTexts = {
    "I'LL don't /x  1234567",
    "Stra\u00DFe \u2126\u1F7D\u1FBE\u212AX \u1FD3\u1FDB\u0390",
    "\u041F\u0440\u0438\u0432\u0435\u0442, \u05E9\u05DC\u05D5\u05DD \u0627\u0644\u0633\u0644\u0627\u0645 \u0663\u0664",
    "\u0939\u093F\u0928\u094D\u0926\u0940 \u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22 \u10D0\u10E5\u10A0",
    "\u4E2D\u6587\u3002\u3072\u30AB\u30CA \uD55C\uAD6D\uC5B4\uFF01",
    "e\u0301=\u20AC\u00BD `\U0001F600`\r\n\n \u2018q\u2019 ",
};

struct Expected {
  std::vector<std::string> names;
  std::vector<Words> words;  // of each of kTexts
};

const std::vector<Expected> kExpected = {
    {{"gpt-2", "phi-2", "olmo", "mpt", "jais", "trillion", "granite-docling", "exaone4", "gigachat", "a.x-4.0",
      "mellum"},
     {{"I", "'", "LL", " don", "'t", " /", "x", " ", " 1234567"},
      {"Stra\u00DFe", " \u2126\u1F7D\u1FBE\u212AX", " \u1FD3\u1FDB\u0390"},
      {"\u041F\u0440\u0438\u0432\u0435\u0442", ",", " \u05E9\u05DC\u05D5\u05DD",
       " \u0627\u0644\u0633\u0644\u0627\u0645", " \u0663\u0664"},
      {"\u0939", "\u093F", "\u0928", "\u094D", "\u0926", "\u0940", " \u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22",
       " \u10D0\u10E5\u10A0"},
      {"\u4E2D\u6587", "\u3002", "\u3072\u30AB\u30CA", " \uD55C\uAD6D\uC5B4", "\uFF01"},
      {"e", "\u0301=\u20AC", "\u00BD", " `\U0001F600`", "\r\n\n", " \u2018", "q", "\u2019", " "}}},
    {{"starcoder", "refact", "smollm", "codeshell", "exaone", "minerva-7b", "command-r"},
     {{"I", "'", "LL", " don", "'t", " /", "x", "  ", "1", "2", "3", "4", "5", "6", "7"},
      {"Stra\u00DFe", " \u2126\u1F7D\u1FBE\u212AX", " \u1FD3\u1FDB\u0390"},
      {"\u041F\u0440\u0438\u0432\u0435\u0442", ",", " \u05E9\u05DC\u05D5\u05DD",
       " \u0627\u0644\u0633\u0644\u0627\u0645", " ", "\u0663", "\u0664"},
      {"\u0939", "\u093F", "\u0928", "\u094D", "\u0926", "\u0940", " \u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22",
       " \u10D0\u10E5\u10A0"},
      {"\u4E2D\u6587", "\u3002", "\u3072\u30AB\u30CA", " \uD55C\uAD6D\uC5B4", "\uFF01"},
      {"e", "\u0301=\u20AC", "\u00BD", " `\U0001F600`", "\r\n\n", " \u2018", "q", "\u2019", " "}}},
    {{"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "dbrx", "smaug-bpe",
      "chatglm-bpe", "glm4"},
     {{"I", "'LL", " don", "'t", " /", "x", " ", " ", "123", "456", "7"},
      {"Stra\u00DFe", " \u2126\u1F7D\u1FBE\u212AX", " \u1FD3\u1FDB\u0390"},
      {"\u041F\u0440\u0438\u0432\u0435\u0442", ",", " \u05E9\u05DC\u05D5\u05DD",
       " \u0627\u0644\u0633\u0644\u0627\u0645", " ", "\u0663\u0664"},
      {"\u0939", "\u093F\u0928", "\u094D\u0926", "\u0940", " \u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22",
       " \u10D0\u10E5\u10A0"},
      {"\u4E2D\u6587", "\u3002\u3072\u30AB\u30CA", " \uD55C\uAD6D\uC5B4", "\uFF01"},
      {"e", "\u0301=\u20AC", "\u00BD", " `\U0001F600`\r\n\n", " \u2018", "q", "\u2019", " "}}},
    {{"qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan"},
     {{"I", "'LL", " don", "'t", " /", "x", " ", " ", "1", "2", "3", "4", "5", "6", "7"},
      {"Stra\u00DFe", " \u2126\u1F7D\u1FBE\u212AX", " \u1FD3\u1FDB\u0390"},
      {"\u041F\u0440\u0438\u0432\u0435\u0442", ",", " \u05E9\u05DC\u05D5\u05DD",
       " \u0627\u0644\u0633\u0644\u0627\u0645", " ", "\u0663", "\u0664"},
      {"\u0939", "\u093F\u0928", "\u094D\u0926", "\u0940", " \u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22",
       " \u10D0\u10E5\u10A0"},
      {"\u4E2D\u6587", "\u3002\u3072\u30AB\u30CA", " \uD55C\uAD6D\uC5B4", "\uFF01"},
      {"e", "\u0301=\u20AC", "\u00BD", " `\U0001F600`\r\n\n", " \u2018", "q", "\u2019", " "}}},
    {{"qwen35"},
     {{"I", "'LL", " don", "'t", " /", "x", " ", " ", "1", "2", "3", "4", "5", "6", "7"},
      {"Stra\u00DFe", " \u2126\u1F7D\u1FBE\u212AX", " \u1FD3\u1FDB\u0390"},
      {"\u041F\u0440\u0438\u0432\u0435\u0442", ",", " \u05E9\u05DC\u05D5\u05DD",
       " \u0627\u0644\u0633\u0644\u0627\u0645", " ", "\u0663", "\u0664"},
      {"\u0939\u093F\u0928\u094D\u0926\u0940", " \u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22", " \u10D0\u10E5\u10A0"},
      {"\u4E2D\u6587", "\u3002\u3072\u30AB\u30CA", " \uD55C\uAD6D\uC5B4", "\uFF01"},
      {"e\u0301", "=\u20AC", "\u00BD", " `\U0001F600`\r\n\n", " \u2018", "q", "\u2019", " "}}},
    {{"tekken"},
     {{"I", "'LL", " don", "'t", " /", "x", " ", " ", "1", "2", "3", "4", "5", "6", "7"},
      {"Stra\u00DFe", " \u2126\u1F7D\u1FBE", "\u212AX", " \u1FD3", "\u1FDB\u0390"},
      {"\u041F\u0440\u0438\u0432\u0435\u0442", ",", " \u05E9\u05DC\u05D5\u05DD",
       " \u0627\u0644\u0633\u0644\u0627\u0645", " ", "\u0663", "\u0664"},
      {"\u0939\u093F\u0928\u094D\u0926\u0940", " \u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22", " \u10D0\u10E5",
       "\u10A0"},
      {"\u4E2D\u6587", "\u3002\u3072\u30AB\u30CA", " \uD55C\uAD6D\uC5B4", "\uFF01"},
      {"e\u0301", "=\u20AC", "\u00BD", " `\U0001F600`\r\n\n", " \u2018", "q", "\u2019", " "}}},
    {{"gpt-4o", "llama4", "kanana2"},
     {{"I'LL", " don't", " /", "x", " ", " ", "123", "456", "7"},
      {"Stra\u00DFe", " \u2126\u1F7D\u1FBE", "\u212AX", " \u1FD3", "\u1FDB\u0390"},
      {"\u041F\u0440\u0438\u0432\u0435\u0442", ",", " \u05E9\u05DC\u05D5\u05DD",
       " \u0627\u0644\u0633\u0644\u0627\u0645", " ", "\u0663\u0664"},
      {"\u0939\u093F\u0928\u094D\u0926\u0940", " \u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22", " \u10D0\u10E5",
       "\u10A0"},
      {"\u4E2D\u6587", "\u3002\u3072\u30AB\u30CA", " \uD55C\uAD6D\uC5B4", "\uFF01"},
      {"e\u0301", "=\u20AC", "\u00BD", " `\U0001F600`\r\n\n", " \u2018", "q", "\u2019", " "}}},
    {{"deepseek-llm"},
     {{"I", "'", "LL", " don", "'", "t", " /", "x", "  ", "1234567"},
      {"Stra", "\u00DF", "e", " ", "\u2126\u1F7D\u1FBE\u212A", "X", " ", "\u1FD3\u1FDB", "\u0390"},
      {"\u041F\u0440\u0438\u0432\u0435\u0442", ",", " \u05E9\u05DC\u05D5\u05DD \u0627\u0644\u0633\u0644\u0627\u0645 ",
       "\u0663\u0664"},
      {"\u0939\u093F\u0928\u094D\u0926\u0940", " ", "\u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22", " ", "\u10D0\u10E5",
       "\u10A0"},
      {"\u4E2D\u6587", "\u3002", "\u3072\u30AB\u30CA", " ", "\uD55C\uAD6D\uC5B4", "\uFF01"},
      {"e", "\u0301", "=", "\u20AC", "\u00BD", " `", "\U0001F600", "`", "\r", "\n", "\n", " ", "\u2018", "q", "\u2019",
       " "}}},
    {{"deepseek-coder"},
     {{"I", "'", "LL", " don", "'", "t", " /", "x", "  ", "1", "2", "3", "4", "5", "6", "7"},
      {"Stra\u00DFe", " ", "\u2126\u1F7D\u1FBE\u212A", "X", " ", "\u1FD3\u1FDB", "\u0390"},
      {"\u041F\u0440\u0438\u0432\u0435\u0442", ",", " \u05E9\u05DC\u05D5\u05DD",
       " \u0627\u0644\u0633\u0644\u0627\u0645", " ", "\u0663", "\u0664"},
      {"\u0939", "\u093F", "\u0928", "\u094D", "\u0926", "\u0940", " ", "\u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22",
       " ", "\u10D0\u10E5\u10A0"},
      {"\u4E2D\u6587", "\u3002", "\u3072\u30AB\u30CA", " ", "\uD55C\uAD6D\uC5B4", "\uFF01"},
      {"e", "\u0301=", "\u20AC", "\u00BD", " `\U0001F600`", "\r", "\n", "\n", " ", "\u2018", "q", "\u2019", " "}}},
    {{"deepseek-v3", "hunyuan-dense"},
     {{"I", "'LL", " don", "'t", " /", "x", "  ", "123", "456", "7"},
      {"Stra\u00DFe", " \u2126\u1F7D\u1FBE\u212AX", " \u1FD3\u1FDB\u0390"},
      {"\u041F\u0440\u0438\u0432\u0435\u0442", ",", " \u05E9\u05DC\u05D5\u05DD",
       " \u0627\u0644\u0633\u0644\u0627\u0645", " ", "\u0663\u0664"},
      {"\u0939\u093F\u0928\u094D\u0926\u0940", " \u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22", " \u10D0\u10E5\u10A0"},
      {"\u4E2D\u6587", "\u3002", "\u3072\u30AB\u30CA", " \uD55C\uAD6D\uC5B4", "\uFF01"},
      {"e\u0301", "=\u20AC", "\u00BD", " `\U0001F600`\r\n\n", " \u2018", "q", "\u2019", " "}}},
    {{"falcon"},
     {{"I", "'", "LL", " don", "'", "t", " ", "/", "x", " ", " ", "123", "456", "7"},
      {"Stra\u00DFe", " \u2126\u1F7D\u1FBE\u212AX", " \u1FD3\u1FDB\u0390"},
      {"\u041F\u0440\u0438\u0432\u0435\u0442", ",", " \u05E9\u05DC\u05D5\u05DD",
       " \u0627\u0644\u0633\u0644\u0627\u0645", " \u0663\u0664"},
      {"\u0939", "\u093F", "\u0928", "\u094D", "\u0926", "\u0940", " \u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22",
       " \u10D0\u10E5\u10A0"},
      {"\u4E2D\u6587", "\u3002", "\u3072\u30AB\u30CA", " \uD55C\uAD6D\uC5B4", "\uFF01"},
      {"e", "\u0301", "=", "\u20AC", "\u00BD", " ", "`", "\U0001F600", "`", "\r\n\n ", "\u2018", "q", "\u2019", " "}}},
    {{"default"},
     {{"I", "'", "LL", " don", "'", "t", " ", "/", "x", " ", " ", "123", "456", "7"},
      {"Stra\u00DFe", " \u2126\u1F7D\u1FBE\u212AX", " \u1FD3\u1FDB\u0390"},
      {"\u041F\u0440\u0438\u0432\u0435\u0442", ",", " \u05E9\u05DC\u05D5\u05DD",
       " \u0627\u0644\u0633\u0644\u0627\u0645", " ", "\u0663\u0664"},
      {"\u0939", "\u093F", "\u0928", "\u094D", "\u0926", "\u0940", " \u0E20\u0E32\u0E29\u0E32\u0E44\u0E17\u0E22",
       " \u10D0\u10E5\u10A0"},
      {"\u4E2D\u6587", "\u3002", "\u3072\u30AB\u30CA", " \uD55C\uAD6D\uC5B4", "\uFF01"},
      {"e", "\u0301", "=", "\u20AC", "\u00BD", " `\U0001F600`", "\r\n\n ", "\u2018", "q", "\u2019", " "}}},
};

Words words(const std::string& name, const std::string& text) {
  const PreTokenizer pre_tokenizer(split_stages(gguf_split(name, "file")));
  PreTokenizer::Scratch scratch(pre_tokenizer);
  Words out;
  pre_tokenizer.split(TextPart{text}, scratch, [&](const TextPart& word) { out.emplace_back(word.bytes); });
  return out;
}

TEST(GgufSplits, EachNameCutsManyScriptsAsItsModelsDo) {
  for (const Expected& expected : kExpected) {
    for (const std::string& name : expected.names) {
      for (std::size_t i = 0; i < kTexts.size(); ++i) EXPECT_EQ(words(name, kTexts[i]), expected.words[i]) << name;
    }
  }
}

TEST(GgufSplits, NoKnownNameIsWithoutATest) {
  std::set<std::string> tested, known;
  for (const Expected& expected : kExpected) tested.insert(expected.names.begin(), expected.names.end());
  for (const std::string_view name : gguf_split_names()) known.emplace(name);
  EXPECT_EQ(tested, known);
}

TEST(GgufSplits, UnknownNamesAreRefusedWithTheKnownOnes) {
  try {
    gguf_split("bloom", "a.gguf");
    FAIL() << "it is known";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("\"bloom\""), std::string::npos);
    EXPECT_NE(error.text().advice.find("deepseek-llm"), std::string::npos);
  }
}

// Letters written as themselves change when an editor normalises the file: U+2126 into U+03A9, U+1F7D into U+03CE.
TEST(GgufSplits, PatternsAreAsciiOnly) {
  for (const std::string_view name : gguf_split_names()) {
    for (const std::string_view pattern : gguf_split(name, "file").patterns) {
      EXPECT_TRUE(std::all_of(pattern.begin(), pattern.end(), [](char c) { return c > 0; })) << name << ": " << pattern;
    }
  }
}

TEST(GgufSplits, DeepSeeksLettersAllHaveUpperAndLowerCase) {
  const std::vector<PreTokenizerStage> stages = split_stages(gguf_split("deepseek-llm", "file"));
  const std::string_view letters = stages.at(1).pattern;
  ASSERT_TRUE(letters.starts_with("\\s?["));
  PreTokenizerStage one, cased;
  one.pattern = letters.substr(3, letters.size() - 4);  // the bracket alone
  cased.pattern = R"([\p{Lu}\p{Ll}\p{Lt}]|\n)";
  cased.behavior = SplitBehavior::removed;
  one.behavior = SplitBehavior::removed;
  one.invert = true;
  std::string all;
  for (char32_t code = 1; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;
    append_code_point(code, all);
  }
  const PreTokenizer pre_tokenizer({one, cased});
  PreTokenizer::Scratch scratch(pre_tokenizer);
  std::size_t kept = 0;
  Words others;
  pre_tokenizer.split(TextPart{all}, scratch, [&](const TextPart& word) { others.emplace_back(word.bytes); });
  EXPECT_EQ(others, Words{});
  const PreTokenizer letters_alone({one});
  PreTokenizer::Scratch letters_scratch(letters_alone);
  letters_alone.split(TextPart{all}, letters_scratch, [&](const TextPart&) { ++kept; });
  EXPECT_EQ(kept, 2729u);
}

}  // namespace
}  // namespace gemring
