#include "launch/serve/api/answer_shape.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "launch/serve/api/completion_shape.h"
#include "launch/serve/api/json_body.h"
#include "launch/serve/api/messages_shape.h"
#include "launch/serve/api/responses_shape.h"
#include "launch/serve/api/texts_shape.h"

namespace gemring {

using nlohmann::json;

std::unique_ptr<AnswerShape> answer_shape(ApiKind kind, AnswerHead head) {
  switch (kind) {
    case ApiKind::responses:
      return std::make_unique<ResponsesShape>(std::move(head));
    case ApiKind::messages:
      return std::make_unique<MessagesShape>(std::move(head));
    case ApiKind::text:
    case ApiKind::selection:
      return std::make_unique<TextsShape>(std::move(head), kind == ApiKind::selection);
    case ApiKind::chat:
    case ApiKind::completion:
      break;
  }
  return std::make_unique<CompletionShape>(std::move(head), kind == ApiKind::chat);
}

std::string new_id(ApiKind kind, std::uint64_t process, std::uint64_t number) {
  constexpr std::array<const char*, 6> kBegin = {"cmpl-", "chatcmpl-", "resp_", "msg_", "text-", "sel-"};
  return fmt::format("{}{:08x}{:08x}", kBegin.at(static_cast<std::size_t>(kind)), process & 0xffffffff, number);
}

std::string error_event(ApiKind kind, const ApiProblem& problem) {
  return fmt::format("{}data: {}\n\n", kind == ApiKind::messages ? "event: error\n" : "", error_json(problem, kind));
}

json gemring_of(const FinishedAnswer& answer) {
  const AnswerFigures& figures = answer.figures;
  json own = {{"kept_tokens", figures.kept_tokens},
              {"seconds",
               {{"queue", figures.queue_seconds},
                {"filter", figures.filter_seconds},
                {"first_token", figures.first_token_seconds},
                {"all", figures.seconds}}}};
  if (answer.kept.empty()) return own;
  json spans = json::array();
  for (const KeptText& kept : answer.kept) {
    spans.push_back({{"message", kept.message},
                     {"begin", kept.begin},
                     {"end", kept.end},
                     {"text", kept.text},
                     {"score", kept.score}});
  }
  own["kept"] = std::move(spans);
  return own;
}

}  // namespace gemring
