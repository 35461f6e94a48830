// An HTTP/1.1 server on one thread, with a few threads beside it for work that takes long. By Boost.Beast.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "launch/serve/http/exchange.h"

namespace gemring {

/// Bounds on what a client may make the server hold, and for how long.
struct HttpLimits {
  std::size_t most_connections = 1024;               // more wait until one of them ends
  std::uint32_t longest_header = 16 << 10;           // bytes of all header lines
  std::size_t most_headers = 100;                    // lines
  std::size_t longest_body = std::size_t{64} << 20;  // bytes
  std::size_t most_unread = std::size_t{1} << 20;    // bytes of an answer in pieces that its client has not taken,
  int most_unread_by_system = 256 << 10;             // beside what the system holds of it
  std::chrono::seconds header_time{10};              // from a request's first byte to the end of its header
  std::chrono::seconds body_time{300};               // from there to the end of its body
  std::chrono::seconds idle_time{60};                // of a connection between requests
  std::chrono::seconds write_time{30};               // in which a client takes the next piece
};

class HttpServer {
 public:
  /// Listens; answers from start() on. `port` 0: any that is free. Throws UsageError where the address cannot be had.
  HttpServer(const std::string& host, std::uint16_t port, const HttpLimits& limits);
  ~HttpServer();  // closes all connections
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  void start(HttpHandler handler);

  std::uint16_t port() const;
  /// Whether only this machine can reach it.
  bool is_loopback() const;

  /// Runs `work` on the server's thread; on a thread beside it. Any thread may call them.
  void post(std::function<void()> work);
  void post_long(std::function<void()> work);
  /// Runs `work` on the server's thread in a while.
  void post_after(std::chrono::milliseconds delay, std::function<void()> work);

  /// No connection is accepted any more, and each ends behind the answer that it waits for. Returns when none waits, at
  /// the latest after `longest`.
  void finish(std::chrono::milliseconds longest);

  /// Ends its threads: nothing is called any more.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gemring
