// Generated text on standard output as it comes, and progress out of its way.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/tokenizer/tokenizer.h"
#include "launch/output/answer_text.h"
#include "launch/output/progress.h"

namespace gemring {

/// Results only: text, or token ids one behind the other where the model has no tokenizer. Throws ResourceError where
/// standard output cannot be written.
class TextOutput {
 public:
  /// `tokenizer` may be nullptr. Both are kept by reference. The first of `stop` in the text ends it and is left out.
  TextOutput(const Tokenizer* tokenizer, ProgressLine& progress, const std::vector<std::string>& stop = {});
  ~TextOutput();  // an answer that an error cut off ends with a newline: the error's message follows
  TextOutput(const TextOutput&) = delete;
  TextOutput& operator=(const TextOutput&) = delete;

  void push(TokenId id);  // nothing is written behind finish() or cut_off()
  void finish();          // what was held back, and a newline
  void cut_off();         // the same, where there was anything; not behind finish()

 private:
  void write(std::string_view text);

  std::optional<AnswerText> text_;
  ProgressLine& progress_;
  bool first_ = true;
  bool finished_ = false;
};

/// The text of `ids` up to the first of `stop` in it; empty without a tokenizer.
std::string answer_text(const std::vector<TokenId>& ids, const Tokenizer* tokenizer,
                        const std::vector<std::string>& stop);

/// Writes a result to standard output at once. Throws ResourceError.
void write_result(std::string_view text);

}  // namespace gemring
