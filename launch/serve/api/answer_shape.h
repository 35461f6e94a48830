// What clients get: whole answers, and the events of streamed ones, in the shape of the interface that they speak.
// Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "launch/serve/api/api_kind.h"
#include "launch/serve/api/api_problem.h"

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
  std::string finish_reason;     // "stop" or "length"
  std::string stop_string = {};  // the one that ended it, if one did
  AnswerFigures figures = {};
  std::vector<KeptText> kept = {};  // where they were asked for
};

/// All that answers to one request have in common.
struct AnswerHead {
  std::string id;            // see new_id()
  std::string model;         // as the client calls it
  std::int64_t created = 0;  // seconds since 1970
};

/// An event comes with its end and may be empty: of some interfaces there is none. Requires for all but OpenAI's
/// completions: one answer.
class AnswerShape {
 public:
  explicit AnswerShape(AnswerHead head) : head_(std::move(head)) {}
  virtual ~AnswerShape() = default;
  AnswerShape(const AnswerShape&) = delete;
  AnswerShape& operator=(const AnswerShape&) = delete;

  const std::string& id() const { return head_.id; }

  virtual std::string whole(const std::vector<FinishedAnswer>& answers) = 0;

  virtual std::string first_events(std::size_t index, std::int32_t prompt_tokens) = 0;
  virtual std::string text_event(std::size_t index, std::string_view text) = 0;
  virtual std::string last_events(std::size_t index, const FinishedAnswer& answer) = 0;
  /// Behind those of all answers.
  virtual std::string end_events(const std::vector<FinishedAnswer>& answers, bool include_usage) = 0;
  /// How much of the prompt has been read; only where a client asked for it.
  virtual std::string progress_event(std::size_t index, std::int32_t total, std::int32_t processed, double seconds) = 0;

 protected:
  const AnswerHead& head() const { return head_; }

 private:
  AnswerHead head_;
};

std::unique_ptr<AnswerShape> answer_shape(ApiKind kind, AnswerHead head);

/// An id as the interface's clients know them: "chatcmpl-" and hexadecimal digits of both numbers.
std::string new_id(ApiKind kind, std::uint64_t process, std::uint64_t number);

/// An error in a stream.
std::string error_event(ApiKind kind, const ApiProblem& problem);

/// What gemring says of an answer in every interface: tokens, seconds, kept texts.
nlohmann::json gemring_of(const FinishedAnswer& answer);

}  // namespace gemring
