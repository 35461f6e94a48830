// Text to token ids and back, as the model directory's tokenizer.json states.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/types.h"

namespace gemring {

/// Token ids of a text, and for each the byte offset in the text behind its last byte, which may lie inside a UTF-8
/// sequence (for an added special token that is not in the text, such as BOS: 0).
struct Encoding {
  std::vector<TokenId> ids;
  std::vector<std::size_t> ends;
};

class Tokenizer {
 public:
  /// Reads tokenizer.json and, if there is one, tokenizer_config.json of a model directory. Byte-level BPE with the
  /// pre-tokenizers Digits and ByteLevel. Throws ModelFileError; ConfigError for what the files ask for beyond that, by
  /// name: nothing is skipped.
  static Tokenizer load(const std::string& model_directory);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Special tokens written in `text` are recognised. BOS is put in front where the tokenizer's own files say so (an
  /// explicit add_bos_token of tokenizer_config.json, else the post_processor), and never a second time. Threads may
  /// encode at once. Throws UsageError where `text` is no valid UTF-8, naming the byte.
  Encoding encode(std::string_view text) const;

  /// The bytes of one token (may be part of a UTF-8 sequence); empty for special tokens and for ids without a token.
  std::string_view bytes(TokenId id) const;

  bool is_special(TokenId id) const;

  /// Concatenated bytes; broken UTF-8 becomes U+FFFD. Special tokens are left out unless `keep_special`.
  std::string decode(std::span<const TokenId> ids, bool keep_special = false) const;

  /// One more than the highest id.
  std::size_t size() const;

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Text of tokens as they come: holds back an incomplete UTF-8 sequence until it is whole (or proves broken).
class StreamingDecoder {
 public:
  explicit StreamingDecoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  /// Text that is complete now; may be empty.
  std::string push(TokenId id);

  /// What was held back at the end, broken sequences as U+FFFD.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  std::string held_;
};

}  // namespace gemring
