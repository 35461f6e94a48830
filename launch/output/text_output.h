// Generated text on standard output as it comes, and progress out of its way.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "engine/text/tokenizer/tokenizer.h"
#include "launch/output/progress.h"

namespace gemring {

/// Results only: text, or token ids one behind the other where the model has no tokenizer. Throws ResourceError where
/// standard output cannot be written.
class TextOutput {
 public:
  /// `tokenizer` may be nullptr. Both are kept by reference.
  TextOutput(const Tokenizer* tokenizer, ProgressLine& progress);

  void push(TokenId id);
  void finish();  // what was held back, and a newline

 private:
  void write(std::string_view text);

  std::optional<StreamingDecoder> decoder_;
  ProgressLine& progress_;
  bool first_ = true;
};

/// Writes a result to standard output at once. Throws ResourceError.
void write_result(std::string_view text);

}  // namespace gemring
