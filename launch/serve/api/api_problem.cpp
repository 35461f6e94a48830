#include "launch/serve/api/api_problem.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "launch/serve/api/json_body.h"

namespace gemring {

using nlohmann::json;

std::string error_json(const ApiProblem& problem, ApiKind kind) {
  json error = {{"message", problem.message},
                {"type", problem.type},
                {"param", problem.param ? json(*problem.param) : json(nullptr)},
                {"code", problem.code ? json(*problem.code) : json(nullptr)}};
  for (const auto& [name, value] : problem.figures) error[name] = value;
  if (kind != ApiKind::messages) return line_of({{"error", error}});
  error.erase("code");
  return line_of({{"type", "error"}, {"error", error}});
}

HttpReply reply_of(const ApiProblem& problem, ApiKind kind) {
  return {.status = problem.status, .body = error_json(problem, kind), .headers = problem.headers};
}

ApiProblem problem_of(const Error& error) {
  const std::string& advice = error.text().advice;
  ApiProblem problem;
  problem.message = advice.empty() ? error.what() : fmt::format("{}; {}", error.what(), advice);
  switch (error.code()) {
    case ExitCode::usage:
      problem.param = error.text().where;
      break;
    case ExitCode::config:
      break;
    default:
      problem.status = 500;
      problem.type = "server_error";
  }
  return problem;
}

ApiProblem problem_of(const std::exception& error) {
  if (const auto* const failure = dynamic_cast<const ApiFailure*>(&error)) return failure->problem();
  return problem_of(as_error(error));
}

void refuse_field(const std::string& field, const std::string& problem) {
  throw ApiFailure({.message = fmt::format("{}: {}", field, problem), .param = field, .code = "unsupported_value"});
}

}  // namespace gemring
