// Cases of a task as prompts of a model, of the length that is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/base/types.h"
#include "engine/text/chat/chat_template.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "launch/eval/task.h"
#include "launch/prompts/prompt.h"
#include "launch/prompts/prompt_text.h"

namespace gemring {

struct FittedCase {
  EvalCase content;
  PromptText text;
  Prompt prompt;
  std::vector<OriginalPosition> answer_tokens;  // tokens with any part of an answer, ascending
};

/// A case as a model with this template reads it; nullptr: it has none, and the question follows the text.
PromptText prompt_text_of(const EvalCase& content, const ChatTemplate* chat);

/// Tokens that hold any part of an answer, ascending. `text`: of prompt_text_of; `ends`: of its tokens (Encoding).
std::vector<OriginalPosition> answer_tokens_of(const EvalCase& content, const PromptText& text,
                                               const std::vector<std::size_t>& ends);

class CaseMaker {
 public:
  /// `chat`: as in prompt_text_of. Both outlive this.
  CaseMaker(const Tokenizer& tokenizer, const ChatTemplate* chat) : tokenizer_(tokenizer), chat_(chat) {}

  /// The longest that the search finds whose prompt and `max_new_tokens` are at most shape.length together; where the
  /// text is shorter, all of it. Throws UsageError where the task without any text is longer.
  FittedCase make(const EvalTask& task, CaseShape shape, std::int32_t max_new_tokens) const;

 private:
  FittedCase fitted(EvalCase content) const;

  const Tokenizer& tokenizer_;
  const ChatTemplate* chat_;
};

}  // namespace gemring
