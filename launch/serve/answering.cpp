#include "launch/serve/answering.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "launch/output/report.h"

namespace gemring {
namespace {

constexpr double kSilence = 10;  // seconds, then a comment says that the server is there
constexpr std::chrono::seconds kLookAfter{1};

/// The one of `strings` that ended a text: whose last byte comes first.
std::string first_completed(const std::vector<std::string>& strings, const std::string& text) {
  const auto end = [&](const std::string& one) {
    const std::size_t begin = text.find(one);
    return begin == std::string::npos ? begin : begin + one.size();
  };
  return *std::min_element(strings.begin(), strings.end(),
                           [&](const std::string& a, const std::string& b) { return end(a) < end(b); });
}

}  // namespace

Answering::Answering(const AnsweringSetting& setting, ExchangePtr exchange, std::unique_ptr<AnswerShape> shape,
                     const ApiRequest& request, std::function<void()> on_end)
    : setting_(setting),
      exchange_(std::move(exchange)),
      shape_(std::move(shape)),
      kind_(request.kind),
      stream_(request.stream),
      include_usage_(request.include_usage),
      return_progress_(request.return_progress),
      on_end_(std::move(on_end)),
      begin_(steady_seconds()) {}

void Answering::refuse(const ApiProblem& problem) {
  over_ = true;
  setting_.on_other_end("refused");
  exchange_->reply(reply_of(problem, kind_));
  on_end_();
}

void Answering::start(std::vector<PreparedAnswer> prepared) {
  if (exchange_->is_gone()) {  // while it was read
    over_ = true;
    setting_.on_other_end("cancelled");
    return on_end_();
  }
  exchange_->on_gone([self = shared_from_this()] {
    log_info("{}: the client has gone", self->shape_->id());
    self->over_ = true;
    self->cancel_all();
  });
  left_ = prepared.size();
  for (PreparedAnswer& one : prepared) {
    all_.push_back({one.request.cancel,
                    std::move(one.places),
                    one.stop,
                    AnswerText(setting_.tokenizer, one.stop),
                    {},
                    steady_seconds()});
    all_.back().answer.figures.prompt_tokens = static_cast<std::int32_t>(one.request.prompt.size());
  }
  if (stream_) begin_stream();
  if (setting_.timeout > 0) {
    const auto most = std::chrono::milliseconds(static_cast<std::int64_t>(setting_.timeout * 1e3));
    setting_.server.post_after(most, [self = shared_from_this()] {
      if (self->over_) return;
      self->fail({.status = 504,
                  .message = fmt::format("no answer within {} s (--request-timeout)", self->setting_.timeout),
                  .type = "timeout_error"});
      self->cancel_all();
    });
  }
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    hang_callbacks(prepared[i].request, i);
    if (setting_.queue.put(std::move(prepared[i].request))) continue;
    all_[i].ended = true;
    --left_;
    fail({.status = 503, .message = "the server is ending", .type = "unavailable_error"});
  }
  end_if_all_ended();
}

/// They come on a thread of the run.
void Answering::hang_callbacks(GenerationRequest& request, std::size_t index) {
  HttpServer& server = setting_.server;
  const std::shared_ptr<Answering> self = shared_from_this();
  request.on_token = [self, index, &server](TokenId id) {
    server.post([self, index, id] { self->take_token(index, id); });
  };
  request.on_progress = [self, index, &server](std::string_view phase, double done, double total) {
    server.post(
        [self, index, phase = std::string(phase), done, total] { self->take_progress(index, phase, done, total); });
  };
  request.on_end = [self, index, &server](GenerationResult result) {
    server.post([self, index, result = std::move(result)] { self->take_end(index, result); });
  };
}

void Answering::begin_stream() {
  exchange_->begin({.type = "text/event-stream; charset=utf-8",
                    .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}}});
  for (std::size_t i = 0; i < all_.size(); ++i) send(shape_->first_events(i, all_[i].answer.figures.prompt_tokens));
  ping();
}

void Answering::ping() {
  setting_.server.post_after(kLookAfter, [self = shared_from_this()] {
    if (self->over_) return;
    if (steady_seconds() - self->last_sent_ > kSilence) self->send(": ping\n\n");
    self->ping();
  });
}

void Answering::send(std::string event) {
  if (over_ || event.empty()) return;
  last_sent_ = steady_seconds();
  exchange_->send(std::move(event));
}

void Answering::give(std::size_t index, std::string_view text) {
  all_[index].answer.text += text;
  if (stream_ && !text.empty()) send(shape_->text_event(index, text));
}

void Answering::take_token(std::size_t index, TokenId id) {
  ++all_[index].answer.figures.completion_tokens;
  phase_ = "decode";
  give(index, all_[index].text.push(id));
}

void Answering::take_progress(std::size_t index, const std::string& phase, double done, double total) {
  phase_ = phase;
  done_ = done;
  total_ = total;
  if (!stream_ || !return_progress_ || total <= 0) return;
  const std::int32_t tokens = all_[index].answer.figures.prompt_tokens;
  const auto processed = static_cast<std::int32_t>(tokens * std::min(done / total, 1.0));
  if (phase == "filter" || phase == "prefill") {
    send(shape_->progress_event(index, tokens, processed, steady_seconds() - begin_));
  }
}

void Answering::take_end(std::size_t index, const GenerationResult& result) {
  One& one = all_[index];
  one.ended = true;
  --left_;
  if (result.error) {
    setting_.on_other_end("error");
    log_warn("{}: {}", shape_->id(), result.error->what());
    fail(problem_of(*result.error));
  } else if (result.stop_reason == StopReason::cancelled) {
    setting_.on_other_end("cancelled");
  } else {
    give(index, one.text.finish());
    AnswerFigures& figures = one.answer.figures;
    one.answer.finish_reason = finish_reason(result.stop_reason);
    if (result.stop_reason == StopReason::stop_string) {
      one.answer.stop_string = first_completed(one.stop, setting_.tokenizer.decode(result.generated_ids));
    }
    figures.prompt_tokens = result.prompt_tokens;
    figures.cached_tokens = result.reused_tokens;
    figures.completion_tokens = static_cast<std::int32_t>(result.generated_ids.size());
    figures.kept_tokens = result.read_tokens > 0 ? result.read_tokens : static_cast<std::int32_t>(result.kept.size());
    figures.filter_seconds = result.filter_seconds;
    figures.first_token_seconds = result.time_to_first_token_seconds;
    figures.seconds = result.seconds;
    figures.queue_seconds = std::max(0.0, steady_seconds() - one.put - result.seconds);
    if (one.places) one.answer.kept = kept_texts(*one.places, result.kept, result.scores);
    if (stream_) send(shape_->last_events(index, one.answer));
    setting_.on_answer(one.answer);
  }
  end_if_all_ended();
}

void Answering::end_if_all_ended() {
  if (left_ > 0) return;
  if (!over_) finish();
  if (on_end_) std::exchange(on_end_, nullptr)();
}

void Answering::finish() {
  std::vector<FinishedAnswer> answers;
  for (const One& one : all_) answers.push_back(one.answer);
  if (!stream_) {
    exchange_->reply({.body = shape_->whole(answers)});
  } else {
    send(shape_->end_events(answers, include_usage_));
    exchange_->end();
  }
  over_ = true;
}

/// The client is told, and waits no longer.
void Answering::fail(const ApiProblem& problem) {
  if (over_) return;
  if (!stream_) {
    exchange_->reply(reply_of(problem, kind_));
  } else {
    send(error_event(kind_, problem));
    exchange_->end();
  }
  over_ = true;
}

void Answering::cancel_all() {
  for (One& one : all_) {
    if (one.ended) continue;
    if (setting_.queue.take_back(*one.cancel)) {
      one.ended = true;
      --left_;
      setting_.on_other_end("cancelled");
    } else {
      one.cancel->cancel();
    }
  }
  end_if_all_ended();
}

Answering::Status Answering::status() const {
  Status status{
      .id = shape_->id(), .phase = phase_, .done = done_, .total = total_, .seconds = steady_seconds() - begin_};
  for (const One& one : all_) {
    status.prompt_tokens += one.answer.figures.prompt_tokens;
    status.generated_tokens += one.answer.figures.completion_tokens;
  }
  return status;
}

}  // namespace gemring
