// What a client is told where something is wrong, in the shape that it reads.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "launch/serve/api/api_kind.h"
#include "launch/serve/http/http_message.h"

namespace gemring {

/// OpenAI's {"error": {"message", "type", "param", "code"}}, or Anthropic's
/// {"type": "error", "error": {"type", "message"}}.
struct ApiProblem {
  int status = 400;
  std::string message = {};
  std::string type = "invalid_request_error";
  std::optional<std::string> param = {};  // the field of the request
  std::optional<std::string> code = {};
  std::vector<std::pair<std::string, std::int64_t>> figures = {};  // beside these, such as n_prompt_tokens
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// The error object, as text of JSON.
std::string error_json(const ApiProblem& problem, ApiKind kind);
HttpReply reply_of(const ApiProblem& problem, ApiKind kind);

/// Thrown by what reads requests.
class ApiFailure : public std::exception {
 public:
  explicit ApiFailure(ApiProblem problem) : problem_(std::move(problem)) {}
  const char* what() const noexcept override { return problem_.message.c_str(); }
  const ApiProblem& problem() const { return problem_; }

 private:
  ApiProblem problem_;
};

/// Of an error of the program. What a request could not know (a lack of memory, a bug) is the server's fault: 500.
ApiProblem problem_of(const Error& error);
/// Of whatever was thrown.
ApiProblem problem_of(const std::exception& error);

/// A field that is there and cannot be had, with what can.
[[noreturn]] void refuse_field(const std::string& field, const std::string& problem);

}  // namespace gemring
