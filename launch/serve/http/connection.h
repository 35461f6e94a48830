// A connection of the server: requests one behind the other, each with one answer. Every function runs on the server's
// thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "launch/serve/http/exchange.h"
#include "launch/serve/http/http_server.h"

namespace gemring {

/// What connections share; the server's.
struct ConnectionSetting {
  const HttpLimits& limits;
  const HttpHandler& handler;
  const bool& finishing;                // each ends behind its answer
  std::function<void()> on_end;         // of a connection
  std::function<void(int)> on_waiting;  // +1: an answer is waited for; -1: it is out
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::ip::tcp::socket&& socket, const ConnectionSetting& setting);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Reads the next request.
  void read();

 private:
  class Answer;  // the Exchange of the request at hand
  using ErrorCode = boost::system::error_code;

  void read_header();
  void after_header(const ErrorCode& error);
  void read_body();
  void after_body(const ErrorCode& error);
  void refuse(HttpReply reply, bool body_is_read);
  void fail_to_read(const ErrorCode& error);
  void begin_answer(HttpRequest request);

  std::string head_of(const HttpReply& reply, const std::string& framing);
  void write(std::string bytes);
  void write_next();
  void end_answer();  // behind its last byte
  void close_behind_rest();
  void drop();
  void watch();

  boost::beast::tcp_stream stream_;
  ConnectionSetting setting_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  boost::asio::steady_timer watch_;
  std::shared_ptr<Answer> answer_;
  bool keep_alive_ = false, is_head_ = false, is_http_10_ = false;
  bool answer_ended_ = false;  // its last byte stands in unwritten_, or is out
  bool writing_ = false;
  bool dropped_ = false;
  std::deque<std::string> unwritten_;
  std::size_t unwritten_bytes_ = 0;
};

}  // namespace gemring
