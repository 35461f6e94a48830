#include "engine/text/tokenizer/end_tokens.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/engine/text/tokenizer/tiny_tokenizer.h"
#include "tests/support/gguf.h"

namespace gemring {
namespace {

using EndIds = std::vector<TokenId>;

/// The end tokens of a vocabulary whose ids are the places of `texts`.
EndIds ends(const std::vector<std::string>& texts, const StatedEndTokens& stated = {}) {
  return gather_end_tokens(stated, [&](std::string_view text) -> std::optional<TokenId> {
    const auto found = std::find(texts.begin(), texts.end(), text);
    return found == texts.end() ? std::nullopt : std::optional(TokenId(found - texts.begin()));
  });
}

EndIds gguf_ends(const test::GgufBuilder& file) {
  const TemporaryDirectory directory;
  directory.write("vocab.gguf", file.build());
  return gguf_end_tokens(read_gguf_metadata(directory.path() + "/vocab.gguf"));
}

EndIds directory_ends(const std::string& tokenizer_json) {
  const TemporaryDirectory directory;
  directory.write("tokenizer.json", tokenizer_json);
  return directory_end_tokens(directory.path());
}

// The texts of src/llama-vocab.cpp.
TEST(EndTokens, EachKnownTextEndsAnAnswer) {
  const std::vector<std::string> texts = {"<|eot_id|>",
                                          "<|im_end|>",
                                          "<|end|>",
                                          "<|return|>",
                                          "<|call|>",
                                          "<|flush|>",
                                          "<|calls|>",
                                          "<end_of_turn>",
                                          "<|endoftext|>",
                                          "</s>",
                                          "<|eom_id|>",
                                          "<EOT>",
                                          "_<EOT>",
                                          "[EOT]",
                                          "[EOS]",
                                          "<|end_of_text|>",
                                          "<end_of_utterance>",
                                          "<eos>",
                                          "<turn|>",
                                          "<|tool_response>",
                                          "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
                                          "[e~[",
                                          "<|fim_pad|>",
                                          "<fim-pad>",
                                          "<fim_pad>",
                                          "<PAD>",
                                          "[PAD]",
                                          "<|fim_repo|>",
                                          "<|repo_name|>",
                                          "<fim-repo>",
                                          "<REPO>",
                                          "<reponame>",
                                          "<|file_sep|>"};
  for (const std::string& text : texts) {
    EXPECT_EQ(ends({"a", text, "b"}), EndIds{TokenId(1)}) << text;
    EXPECT_TRUE(is_end_token_text(text)) << text;
  }
}

TEST(EndTokens, OtherTextsDoNot) {
  for (const char* text : {"", "<", "<s>", "<|im_start|>", "<|fim_prefix|>", "<|start_header_id|>", "[INST]", "eos"}) {
    EXPECT_EQ(ends({text}), EndIds{}) << text;
    EXPECT_FALSE(is_end_token_text(text)) << text;
  }
}

TEST(EndTokens, WhatTheFileStatesEndsWhateverItsText) {
  const std::vector<std::string> texts = {"a", "b", "c", "d", "e", "f", "<|im_end|>"};
  EXPECT_EQ(ends(texts, {.end_of_text = TokenId(0), .end_of_turn = TokenId(1), .end_of_message = TokenId(2)}),
            (EndIds{TokenId(0), TokenId(1), TokenId(2), TokenId(6)}));
  EXPECT_EQ(ends(texts, {.fim_pad = TokenId(3), .fim_repository = TokenId(4), .fim_separator = TokenId(5)}),
            (EndIds{TokenId(3), TokenId(4), TokenId(5), TokenId(6)}));
}

TEST(EndTokens, OfSeveralTextsOfOneFimTokenTheLowestIdCountsUnlessOneIsStated) {
  const std::vector<std::string> texts = {"<reponame>", "<|repo_name|>", "[PAD]", "<PAD>"};
  EXPECT_EQ(ends(texts), (EndIds{TokenId(0), TokenId(2)}));
  EXPECT_EQ(ends(texts, {.fim_repository = TokenId(1)}), (EndIds{TokenId(1), TokenId(2)}));
}

TEST(EndTokens, MarksWithinAnAnswerEndNothing) {
  EXPECT_EQ(ends({"<|end|>", "<|return|>", "<|call|>"}), (EndIds{TokenId(1), TokenId(2)}));
  EXPECT_EQ(ends({"<|end|>", "<|flush|>", "<|calls|>"}), (EndIds{TokenId(1), TokenId(2)}));
  EXPECT_EQ(ends({"<|end|>", "<|return|>"}), (EndIds{TokenId(0), TokenId(1)}));
  EXPECT_EQ(ends({"</s>", "<|tool_response>"}), EndIds{TokenId(1)});
}

TEST(EndTokens, AGgufFileHasThoseOfItsKeysAndOfItsVocabulary) {
  test::GgufBuilder file;
  file.texts("tokenizer.ggml.tokens", {"a", "<|endoftext|>", "<|im_end|>", "<|fim_pad|>", "<|repo_name|>", "b", "c"})
      .count("tokenizer.ggml.eos_token_id", 2)
      .count("tokenizer.ggml.fim_sep_token_id", 6)
      .count("tokenizer.ggml.eot_token_id", 700);  // beyond the vocabulary: never comes
  EXPECT_EQ(gguf_ends(file), (EndIds{TokenId(1), TokenId(2), TokenId(3), TokenId(4), TokenId(6)}));
  EXPECT_EQ(gguf_ends(test::GgufBuilder().count("tokenizer.ggml.eos_token_id", 2)), EndIds{}) << "no vocabulary";
}

TEST(EndTokens, ADirectoryHasThoseAmongItsSpecialTokens) {
  EXPECT_EQ(
      directory_ends(R"({"version": "1.0", "other": [{"id": 1, "content": "</s>", "special": true}], "added_tokens": [
                {"id": 5, "content": "<|im_end|>", "special": true}, {"id": 3, "special": true, "content": "</s>"},
                {"id": 6, "content": "<|fim_pad|>", "special": false}, {"id": 7, "content": "<|im_start|>", "special": true},
                {"id": 8, "content": "<eos>", "special": true, "more": {"id": 9, "content": "a", "list": [[1]]}}],
                "model": {"vocab": {"<|eot_id|>": 4}}})"),
      (EndIds{TokenId(3), TokenId(5), TokenId(8)}));
}

TEST(EndTokens, WhatCannotBeReadOfADirectoryNamesNone) {
  const TemporaryDirectory empty;
  EXPECT_EQ(directory_end_tokens(empty.path()), EndIds{});
  for (const char* text : {"", "{", "[]", R"({"added_tokens": null, "model": {}})", R"({"added_tokens": [{"id": -1,)",
                           R"({"added_tokens": [{"id": 99999999999, "content": "</s>", "special": true}]})"}) {
    EXPECT_EQ(directory_ends(text), EndIds{}) << text;
  }
}

}  // namespace
}  // namespace gemring
