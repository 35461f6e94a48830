// Text to token ids and back, as a model's own files state.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/types.h"
#include "engine/text/tokenizer/decoder.h"
#include "engine/text/unicode/byte_range.h"

namespace gemring {

/// Token ids of a text, and for each the byte offset in the text behind the last byte it comes from: ascending, the
/// last one is the text's size. It may lie inside a UTF-8 sequence. 0 for a BOS that is not in the text; a token that
/// stands for nothing in the text (a ▁ put in front) ends where it was put. Where a normaliser changed several
/// characters together, a token with any part of them ends behind all.
struct Encoding {
  std::vector<TokenId> ids;
  std::vector<std::size_t> ends;
};

struct EncodeOptions {
  /// Puts BOS in front where the model's files ask for it (see Tokenizer::encode), and nothing else.
  bool add_bos = true;
  /// Finds special tokens that are written in the text. Added tokens that are not special (user-defined ones, as GGUF
  /// calls them) are found in any case, as in llama.cpp.
  bool parse_special = true;
  /// Parts of the text, ascending, not overlapping, in which special tokens are not looked for: what a chat message
  /// says. One that overlaps such a part is text; words go across the borders of the parts as if there were none.
  /// Special tokens that are text never come out of the vocabulary's merges either.
  std::span<const ByteRange> literal = {};
};

class Tokenizer {
 public:
  /// `path`: a model directory (tokenizer.json and, if there is one, tokenizer_config.json), a tokenizer.json by itself
  /// (with the tokenizer_config.json beside it, if there is one), or a GGUF file, of which only the header is read.
  /// Throws ModelFileError where a file is missing, broken or contradicts itself; ConfigError for what the files ask
  /// for and gemring does not do, by name: nothing is skipped.
  static Tokenizer load(const std::string& path);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// BOS is put in front where the tokenizer's own files say so (an explicit add_bos_token of tokenizer_config.json,
  /// else the post_processor; in a GGUF file add_bos_token, else what llama.cpp does for its kind), and never a second
  /// time. Threads may encode at once. Throws UsageError where `text` is no valid UTF-8, naming the byte.
  Encoding encode(std::string_view text, const EncodeOptions& options = {}) const;

  /// The bytes of one token (may be part of a UTF-8 sequence); empty for special tokens and for ids without a token.
  std::string_view bytes(TokenId id) const;

  bool is_special(TokenId id) const;

  /// Whether there is a token with this id. A model may compute logits for more ids than its tokenizer has, and there
  /// may be holes: such ids are not to be sampled.
  bool exists(TokenId id) const;

  /// The ids below size() that are never to be sampled, ascending: those without a token, and those that a GGUF file
  /// marks unused, as converters do with ids that the model's own files leave out.
  std::vector<TokenId> holes() const;

  /// The text of tokens as the files' decoder joins them; broken UTF-8 becomes U+FFFD. Special tokens are left out
  /// unless `keep_special`, ids without a token always.
  std::string decode(std::span<const TokenId> ids, bool keep_special = false) const;

  /// One more than the highest id.
  std::size_t size() const;

 private:
  friend class StreamingDecoder;
  friend std::optional<TokenId> first_difference(const Tokenizer& one, const Tokenizer& other);
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The lowest id that is not the same token in both, whatever kind their files call it; nothing where the lists are
/// equal. What no answer ever has (Tokenizer::holes()) is no token: files fill their lists up with different ones.
std::optional<TokenId> first_difference(const Tokenizer& one, const Tokenizer& other);

/// Text of tokens as they come: holds back an incomplete UTF-8 sequence until it is whole (or proves broken). The
/// tokenizer must outlive it.
class StreamingDecoder {
 public:
  explicit StreamingDecoder(const Tokenizer& tokenizer);

  /// Text that is complete now; may be empty.
  std::string push(TokenId id);

  /// What was held back at the end, broken sequences as U+FFFD.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  TextJoiner joiner_;
};

}  // namespace gemring
