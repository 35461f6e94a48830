// A prompt that a model of one vocabulary filters and a model of another answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/text/tokenizer/tokenizer.h"
#include "engine/text/unicode/byte_range.h"
#include "launch/prompts/prompt.h"

namespace gemring {

/// What tokens at `kept`, ascending, hold of `text`, in whole characters: ranges that lie apart, ascending. ends: of
/// the text's tokens, as in Encoding.
std::vector<ByteRange> kept_text(std::string_view text, std::span<const std::size_t> ends,
                                 std::span<const OriginalPosition> kept);

/// The part of `ranges` that lies inside `window`, relative to its beginning.
std::vector<ByteRange> inside(std::span<const ByteRange> ranges, const ByteRange& window);

/// Both models read the same contents, each in its own markup: with --chat the messages in its template, else the
/// prompt without any. The filter chooses among its tokens; of the contents the other model reads the text of the kept
/// ones, each span tokenised by itself, and of its own markup everything.
///
///     filter:   <s>[INST] It was a dark night ... the key is 7 ... Where is it? [/INST]      kept tokens: - - ###
///     answer:   <|user|>            the key is 7|Where is it?         <|assistant|>
class PromptInTwoVocabularies {
 public:
  /// A prompt as one of the models reads it. The tokenizer is the caller's and outlives this.
  struct Side {
    PromptText text;
    const Tokenizer& tokenizer;
  };
  /// Throws UsageError (empty prompt), ConfigError: the two templates hold different contents.
  PromptInTwoVocabularies(Side filter, Side answer);

  const Prompt& of_filter() const { return of_filter_; }
  /// The answering model's tokens of the whole prompt, as if it were alone.
  std::vector<TokenId> whole() const;
  /// What it reads where the filter kept these of its own tokens, ascending.
  std::vector<TokenId> reading_of(std::span<const OriginalPosition> kept) const;

 private:
  Side filter_, answer_;
  std::vector<MessagePart> in_filter_, in_answer_;  // the contents: as many, of the same bytes
  Prompt of_filter_;
};

}  // namespace gemring
