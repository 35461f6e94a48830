// A tokenizer small enough to work out by hand: token b is byte b, then one token per merge, then added tokens.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/text/tokenizer/tokenizer.h"

namespace gemring {

/// A directory of its own, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }
  void write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

/// tokenizer.json: ids 0..255 are the bytes, 256 + i is the result of merges[i] ("a b", in the byte alphabet).
/// ByteLevel with GPT-2's split.
nlohmann::json tiny_tokenizer(const std::vector<std::string>& merges);

/// tokenizer.json of SentencePiece's kind, as Llama-2's: ids are the places of `entries`, merges are "a b"; ▁ before
/// the text and for each space, byte fallback where the entries have <0x00> and so on, and its decoder.
nlohmann::json spm_tokenizer(const std::vector<std::string>& entries, const std::vector<std::string>& merges);

/// A JSON array. Not written {...}: compilers differ in what a list of one element makes.
inline nlohmann::json json_array(nlohmann::json::initializer_list_t elements) {
  return nlohmann::json::array(elements);
}

/// An entry of "added_tokens"; special, raw text.
nlohmann::json added_token(std::int64_t id, const std::string& content);

/// A post_processor that puts the token `content` (`id`) in front.
nlohmann::json bos_template(int id, const std::string& content);

Tokenizer load(const nlohmann::json& tokenizer, const nlohmann::json& config = nullptr);

std::vector<int> ids(const Encoding& encoding);
std::vector<TokenId> tokens(const std::vector<int>& values);

/// Loading must throw ErrorType with `part` in its message.
template <class ErrorType>
void expect_load_error(const nlohmann::json& tokenizer, const std::string& part,
                       const nlohmann::json& config = nullptr) {
  try {
    load(tokenizer, config);
    FAIL() << "loaded; expected an error about " << part;
  } catch (const ErrorType& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

}  // namespace gemring
