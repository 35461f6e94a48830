// One request to the service on its way: from tokens that come to the pieces that its client gets, and its end, whoever
// brings it about.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "launch/output/answer_text.h"
#include "launch/serve/api/answer_shape.h"
#include "launch/serve/api/api_problem.h"
#include "launch/serve/http/exchange.h"
#include "launch/serve/http/http_server.h"
#include "launch/serve/service_model.h"
#include "launch/serve/service_queue.h"

namespace gemring {

/// What a service's answers have in common; the service's, outlives them.
struct AnsweringSetting {
  HttpServer& server;
  ServiceQueue& queue;
  const Tokenizer& tokenizer;
  double timeout = 0;                                         // seconds of one request; 0: none
  std::function<void(const FinishedAnswer&)> on_answer = {};  // each that was given
  std::function<void(const char* reason)> on_other_end = {};  // "cancelled", "error"
};

/// Everything is called on the server's thread.
class Answering : public std::enable_shared_from_this<Answering> {
 public:
  /// Where a request is, for /slots.
  struct Status {
    std::string id;
    std::string phase;  // "queued", "filter", "prefill", "decode"
    double done = 0, total = 0;
    std::int32_t prompt_tokens = 0, generated_tokens = 0;
    double seconds = 0;
  };

  /// `on_end` is called once, when nothing of it runs any more.
  Answering(const AnsweringSetting& setting, ExchangePtr exchange, std::unique_ptr<AnswerShape> shape,
            const ApiRequest& request, std::function<void()> on_end);

  /// The client has been read: puts what it asks for into the queue.
  void start(std::vector<PreparedAnswer> prepared);
  /// It cannot be answered.
  void refuse(const ApiProblem& problem);

  Status status() const;

 private:
  struct One {
    std::shared_ptr<CancelHandle> cancel;
    std::shared_ptr<const PromptPlaces> places;
    std::vector<std::string> stop;
    AnswerText text;
    FinishedAnswer answer;
    double put = 0;
    bool ended = false;
  };

  void hang_callbacks(GenerationRequest& request, std::size_t index);
  void take_token(std::size_t index, TokenId id);
  void take_progress(std::size_t index, const std::string& phase, double done, double total);
  void take_end(std::size_t index, const GenerationResult& result);
  void give(std::size_t index, std::string_view text);
  void cancel_all();
  void fail(const ApiProblem& problem);
  void finish();
  void end_if_all_ended();
  void begin_stream();
  void ping();
  void send(std::string event);

  const AnsweringSetting& setting_;
  ExchangePtr exchange_;
  std::unique_ptr<AnswerShape> shape_;
  ApiKind kind_;
  bool stream_, include_usage_, return_progress_;
  std::function<void()> on_end_;
  std::vector<One> all_;
  std::size_t left_ = 0;
  bool over_ = false;  // the client got all that it gets
  double begin_, last_sent_ = 0;
  std::string phase_ = "queued";
  double done_ = 0, total_ = 0;
};

}  // namespace gemring
