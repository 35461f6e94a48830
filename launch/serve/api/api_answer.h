// What clients of OpenAI's interface get: whole answers, and the pieces of streamed ones. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace gemring {

/// Tokens and seconds of one answer.
struct AnswerFigures {
  std::int32_t prompt_tokens = 0;
  std::int32_t cached_tokens = 0;  // of these, read before
  std::int32_t kept_tokens = 0;    // of these, read by the model that answers
  std::int32_t completion_tokens = 0;
  double queue_seconds = 0;  // until it was taken up
  double filter_seconds = 0;
  double first_token_seconds = 0;  // from when it was taken up
  double seconds = 0;              // the same, to its end
};

/// A part of the text that was kept.
struct KeptText {
  std::size_t message = 0;  // whose content it is of; 0 without messages
  std::size_t begin = 0;    // bytes of it
  std::size_t end = 0;
  std::string text = {};
  float score = 0;  // the best of its tokens'
};

/// One of the answers of a request.
struct FinishedAnswer {
  std::string text;
  std::string finish_reason;  // "stop" or "length"
  AnswerFigures figures = {};
  std::vector<KeptText> kept = {};  // where they were asked for
};

/// What all pieces of an answer have in common.
class AnswerShape {
 public:
  /// `created`: seconds since 1970.
  AnswerShape(std::string id, std::string model, std::int64_t created, bool is_chat);

  const std::string& id() const { return id_; }

  std::string whole(const std::vector<FinishedAnswer>& answers) const;

  // Events of a stream, each with its end. Every call gives JSON behind "data: ".
  std::string first_event(std::size_t index) const;  // of a chat: the role; else nothing
  std::string text_event(std::size_t index, std::string_view text) const;
  std::string last_event(std::size_t index, const FinishedAnswer& answer) const;
  std::string usage_event(const std::vector<FinishedAnswer>& answers) const;
  std::string progress_event(std::size_t index, std::int32_t total, std::int32_t processed, double seconds) const;
  static std::string done_event() { return "data: [DONE]\n\n"; }

 private:
  nlohmann::json head(const char* object) const;
  std::string event(nlohmann::json choice) const;

  std::string id_, model_;
  std::int64_t created_;
  bool is_chat_;
};

}  // namespace gemring
