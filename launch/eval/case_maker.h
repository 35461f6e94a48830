// Cases of a task as prompts of a model, of the length that is asked for.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/types.h"
#include "engine/text/chat/chat_template.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "launch/eval/task.h"
#include "launch/prompts/prompt.h"

namespace gemring {

struct FittedCase {
  EvalCase content;
  Prompt prompt;
  std::vector<OriginalPosition> answer_tokens;  // tokens with any part of an answer, ascending
};

class CaseMaker {
 public:
  /// `chat`: the model's template; nullptr: it has none, and the question follows the text. Both outlive this.
  CaseMaker(const Tokenizer& tokenizer, const ChatTemplate* chat) : tokenizer_(tokenizer), chat_(chat) {}

  /// The longest that the search finds whose prompt and `max_new_tokens` are at most shape.length together; where the
  /// text is shorter, all of it. Throws UsageError where the task without any text is longer.
  FittedCase make(const EvalTask& task, CaseShape shape, std::int32_t max_new_tokens) const;

 private:
  PromptText prompt_text(const EvalCase& content) const;
  FittedCase fitted(EvalCase content) const;

  const Tokenizer& tokenizer_;
  const ChatTemplate* chat_;
};

}  // namespace gemring
