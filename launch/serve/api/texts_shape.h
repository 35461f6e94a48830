// Answers of gemring's own interface: that a text was read, and what of one is kept for a question.
#pragma once

#include "launch/serve/api/answer_shape.h"

namespace gemring {

class TextsShape : public AnswerShape {
 public:
  TextsShape(AnswerHead head, bool selects) : AnswerShape(std::move(head)), selects_(selects) {}

  std::string whole(const std::vector<FinishedAnswer>& answers) override;
  std::string first_events(std::size_t index, std::int32_t prompt_tokens) override;
  std::string text_event(std::size_t index, std::string_view text) override;
  std::string last_events(std::size_t index, const FinishedAnswer& answer) override;
  std::string end_events(const std::vector<FinishedAnswer>& answers, bool include_usage) override;
  std::string progress_event(std::size_t index, std::int32_t total, std::int32_t processed, double seconds) override;

 private:
  bool selects_;
};

}  // namespace gemring
