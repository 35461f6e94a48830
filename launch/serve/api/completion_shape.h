// Answers as OpenAI's completions and chat completions have them.
#pragma once

#include <nlohmann/json.hpp>

#include "launch/serve/api/answer_shape.h"

namespace gemring {

class CompletionShape : public AnswerShape {
 public:
  CompletionShape(AnswerHead head, bool is_chat);

  std::string whole(const std::vector<FinishedAnswer>& answers) override;
  std::string first_events(std::size_t index, std::int32_t prompt_tokens) override;
  std::string text_event(std::size_t index, std::string_view text) override;
  std::string last_events(std::size_t index, const FinishedAnswer& answer) override;
  std::string end_events(const std::vector<FinishedAnswer>& answers, bool include_usage) override;
  std::string progress_event(std::size_t index, std::int32_t total, std::int32_t processed, double seconds) override;

 private:
  nlohmann::json piece(nlohmann::json choices) const;
  nlohmann::json choice(std::size_t index, nlohmann::json delta, nlohmann::json finish_reason = nullptr) const;

  bool is_chat_;
};

}  // namespace gemring
