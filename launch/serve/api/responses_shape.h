// Answers as OpenAI's Responses has them.
#pragma once

#include <cstdint>
#include <string>

#include "launch/serve/api/answer_shape.h"

namespace gemring {

class ResponsesShape : public AnswerShape {
 public:
  using AnswerShape::AnswerShape;

  std::string whole(const std::vector<FinishedAnswer>& answers) override;
  std::string first_events(std::size_t index, std::int32_t prompt_tokens) override;
  std::string text_event(std::size_t index, std::string_view text) override;
  std::string last_events(std::size_t index, const FinishedAnswer& answer) override;
  std::string end_events(const std::vector<FinishedAnswer>& answers, bool include_usage) override;
  std::string progress_event(std::size_t index, std::int32_t total, std::int32_t processed, double seconds) override;

 private:
  std::string event(const char* type, nlohmann::json fields);
  nlohmann::json response(const char* status, nlohmann::json output) const;
  nlohmann::json finished(const FinishedAnswer& answer) const;
  nlohmann::json item(const char* status, nlohmann::json content) const;

  std::int64_t next_ = 0;  // sequence_number
};

}  // namespace gemring
