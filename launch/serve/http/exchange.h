// One request over HTTP and its answer, whole or in pieces.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "launch/serve/http/http_message.h"

namespace gemring {

/// Everything is called on the server's thread. Behind the end, or when the client has gone, calls do nothing.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual HttpRequest& request() = 0;

  /// The whole answer. Once, and not with the others.
  virtual void reply(HttpReply reply) = 0;

  /// An answer in pieces: its head (the body does not count), pieces, the end.
  virtual void begin(HttpReply head) = 0;
  virtual void send(std::string piece) = 0;
  virtual void end() = 0;

  /// Called once, where the client goes away, or reads so slowly that more than HttpLimits::most_unread waits for it,
  /// before the end.
  virtual void on_gone(std::function<void()> gone) = 0;
  /// It has gone already.
  virtual bool is_gone() const = 0;
};

using ExchangePtr = std::shared_ptr<Exchange>;

/// What a server asks of whoever answers.
struct HttpHandler {
  /// Of every answer, besides its own.
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// Looks at a request before its body is read: a refusal, or nothing.
  std::function<std::optional<HttpReply>(const HttpRequest& head)> refuse;
  /// Answers, at once or later. What it throws is a bug.
  std::function<void(ExchangePtr exchange)> answer;
  /// Makes the body of an answer that the server gives itself (a broken request, a body that is too long).
  std::function<HttpReply(int status, const std::string& problem)> problem;
};

}  // namespace gemring
