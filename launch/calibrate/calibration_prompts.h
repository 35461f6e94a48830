// Prompts whose answers are known, as token ids with the places of the answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/types.h"
#include "engine/selection/forced_tokens.h"
#include "engine/text/chat/chat_template.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "launch/calibrate/needles.h"
#include "launch/prompts/prompt.h"

namespace gemring {

struct CalibrationPrompt {
  std::string kind;          // NeedleKind's name, or "own"
  bool paraphrased = false;  // NeedleKind::paraphrase
  std::vector<TokenId> ids;
  std::vector<OriginalPosition> answer;  // tokens with any part of an answer, ascending
  std::vector<TokenRange> forced;        // kept whatever their score, as a request with this text keeps them; merged()
  std::vector<std::int32_t> sentence_ends;  // ResolvedSelection::unit_ends
};

/// The book that the program brings with it.
std::string_view bundled_text();

/// All files *.txt of a directory, in the order of their names. Throws UsageError: none there, or one that cannot be
/// read or is no UTF-8.
std::string read_texts(const std::string& directory);

class CalibrationPrompts {
 public:
  /// `chat`: the model's template; nullptr where it has none, and the question follows the text. The arguments outlive
  /// this. Requires: text is not empty.
  CalibrationPrompts(const Tokenizer& tokenizer, const ChatTemplate* chat, std::string_view text);

  /// A needle in a piece of the text, together about `length` tokens. The same seed makes the same prompt.
  CalibrationPrompt make(NeedleKind kind, std::int32_t length, std::uint64_t seed) const;

  /// A needle that is there already.
  CalibrationPrompt make(const Needle& needle) const;

 private:
  std::string piece(std::int32_t tokens, std::uint64_t seed) const;

  const Tokenizer& tokenizer_;
  const ChatTemplate* chat_;
  std::string_view text_;
};

/// What questions may leave out.
struct QuestionRules {
  std::size_t least = 2;       // questions: one half chooses, the other confirms
  std::string_view text = {};  // of a line without one; empty: each line gives its own
};

/// Lines {"text": TEXT or "file": FILE, "question": TEXT, "answer": TEXT} as needles; the fact of a needle is the
/// "passage" that a line may give, else the answer. "answers": a list, of which the first stands in the text. `name` is
/// named in errors with the line. Throws UsageError: no such line, an answer that does not stand in its text.
std::vector<Needle> read_questions(const std::string& lines, const std::string& name, const QuestionRules& rules = {});

/// Questions about that book, as such lines without texts.
std::string_view bundled_questions();

}  // namespace gemring
