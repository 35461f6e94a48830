#include "launch/serve/http/connection.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <chrono>
#include <utility>

namespace gemring {
namespace {

namespace http = boost::beast::http;
constexpr std::chrono::milliseconds kLookAfter{200};  // whether a client that waits is still there
constexpr std::chrono::seconds kRestTime{2};          // in which a refused client stops sending
constexpr std::size_t kReadAtOnce = 16 << 10;

template <class View>
std::string text_of(const View& view) {
  return {view.data(), view.size()};
}

HttpRequest head_of_request(const http::request_header<>& header) {
  HttpRequest request;
  request.method = text_of(header.method_string());
  request.path = text_of(header.target());
  request.path.resize(std::min(request.path.size(), request.path.find('?')));
  for (const auto& field : header) {
    request.headers.emplace_back(small_letters(text_of(field.name_string())), text_of(field.value()));
  }
  return request;
}

/// The status that tells a client what is wrong with what it sent.
int status_of(const boost::system::error_code& error) {
  if (error == http::error::body_limit) return 413;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  if (error == boost::beast::error::timeout) return 408;
  return 400;
}

}  // namespace

/// Lives as long as somebody answers, which may be longer than the connection waits for it.
class Connection::Answer : public Exchange {
 public:
  Answer(std::shared_ptr<Connection> connection, HttpRequest request)
      : connection_(std::move(connection)), request_(std::move(request)) {}

  HttpRequest& request() override { return request_; }

  void reply(HttpReply reply) override {
    if (!connection_) return;
    std::string bytes = connection_->head_of(reply, fmt::format("Content-Length: {}\r\n", reply.body.size()));
    if (!connection_->is_head_) bytes += reply.body;
    over(std::move(bytes));
  }

  void begin(HttpReply head) override {
    if (!connection_) return;
    if (connection_->is_http_10_) connection_->keep_alive_ = false;  // it ends with the connection
    connection_->write(connection_->head_of(head, connection_->is_http_10_ ? "" : "Transfer-Encoding: chunked\r\n"));
  }

  void send(std::string piece) override {
    if (!connection_ || piece.empty()) return;
    if (connection_->unwritten_bytes_ > connection_->setting_.limits.most_unread) return connection_->drop();
    connection_->write(connection_->is_http_10_ ? std::move(piece)
                                                : fmt::format("{:x}\r\n{}\r\n", piece.size(), piece));
  }

  void end() override {
    if (connection_) over(connection_->is_http_10_ ? "" : "0\r\n\r\n");
  }

  void on_gone(std::function<void()> gone) override { gone_ = std::move(gone); }
  bool is_gone() const override { return !connection_; }

  /// The client is not there any more.
  void leave() {
    connection_.reset();
    if (gone_) std::exchange(gone_, nullptr)();
  }

 private:
  void over(std::string bytes) {
    gone_ = nullptr;
    const std::shared_ptr<Connection> connection = std::exchange(connection_, nullptr);
    connection->answer_ended_ = true;
    connection->write(std::move(bytes));
  }

  std::shared_ptr<Connection> connection_;  // nullptr: the answer has ended, or nobody waits for it
  HttpRequest request_;
  std::function<void()> gone_;
};

Connection::Connection(boost::asio::ip::tcp::socket&& socket, const ConnectionSetting& setting)
    : stream_(std::move(socket)), setting_(setting), watch_(stream_.get_executor()) {}

Connection::~Connection() {
  setting_.on_end();
}

void Connection::read() {
  parser_.emplace();
  parser_->header_limit(setting_.limits.longest_header);
  parser_->body_limit(setting_.limits.longest_body);
  if (buffer_.size() > 0) return read_header();
  stream_.expires_after(setting_.finishing ? std::chrono::seconds(0) : setting_.limits.idle_time);
  stream_.async_read_some(buffer_.prepare(kReadAtOnce),
                          [self = shared_from_this()](const ErrorCode& error, std::size_t bytes) {
                            if (error) return self->drop();
                            self->buffer_.commit(bytes);
                            self->read_header();
                          });
}

void Connection::read_header() {
  stream_.expires_after(setting_.limits.header_time);
  http::async_read_header(stream_, buffer_, *parser_, [self = shared_from_this()](const ErrorCode& error, std::size_t) {
    self->after_header(error);
  });
}

void Connection::after_header(const ErrorCode& error) {
  if (error) return fail_to_read(error);
  const auto& header = parser_->get().base();
  keep_alive_ = parser_->keep_alive() && !setting_.finishing;
  is_http_10_ = header.version() < 11;
  is_head_ = header.method() == http::verb::head;
  const HttpRequest head = head_of_request(header);
  const bool has_body = !parser_->is_done();
  if (head.headers.size() > setting_.limits.most_headers) {
    return refuse(setting_.handler.problem(431, fmt::format("more than {} headers", setting_.limits.most_headers)),
                  !has_body);
  }
  if (std::optional<HttpReply> refusal = setting_.handler.refuse(head)) return refuse(std::move(*refusal), !has_body);
  if (parser_->content_length() && *parser_->content_length() > setting_.limits.longest_body) {
    return fail_to_read(http::error::body_limit);
  }
  if (!has_body) return after_body({});
  if (small_letters(text_of(header[http::field::expect])) != "100-continue") return read_body();
  stream_.expires_after(setting_.limits.write_time);
  boost::asio::async_write(stream_, boost::asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25),
                           [self = shared_from_this()](const ErrorCode& failed, std::size_t) {
                             if (failed) return self->drop();
                             self->read_body();
                           });
}

void Connection::read_body() {
  stream_.expires_after(setting_.limits.body_time);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](const ErrorCode& error, std::size_t) { self->after_body(error); });
}

void Connection::after_body(const ErrorCode& error) {
  if (error) return fail_to_read(error);
  auto message = parser_->release();
  parser_.reset();
  HttpRequest request = head_of_request(message.base());
  request.body = std::move(message.body());
  begin_answer(std::move(request));
}

void Connection::refuse(HttpReply reply, bool body_is_read) {
  if (!body_is_read) keep_alive_ = false;
  begin_answer({});
  const std::shared_ptr<Answer> answer = answer_;
  answer->reply(std::move(reply));
}

void Connection::fail_to_read(const ErrorCode& error) {
  const bool nothing_came = error == http::error::end_of_stream;
  const bool is_gone = error.category() != http::make_error_code(http::error::bad_method).category() &&
                       error != boost::beast::error::timeout;
  if (nothing_came || is_gone || dropped_) return drop();
  const int status = status_of(error);
  std::string problem = status == 413 ? fmt::format("the body is longer than {} bytes", setting_.limits.longest_body)
                        : status == 431
                            ? fmt::format("the header is longer than {} bytes", setting_.limits.longest_header)
                        : status == 408 ? "the request did not come in time"
                                        : fmt::format("this is no request of HTTP/1.1: {}", error.message());
  refuse(setting_.handler.problem(status, problem), /*body_is_read=*/false);
}

void Connection::begin_answer(HttpRequest request) {
  const bool is_refused = request.method.empty();
  answer_ = std::make_shared<Answer>(shared_from_this(), std::move(request));
  answer_ended_ = false;
  setting_.on_waiting(+1);
  if (is_refused) return;
  watch();
  const std::shared_ptr<Answer> answer = answer_;
  setting_.handler.answer(answer);
}

std::string Connection::head_of(const HttpReply& reply, const std::string& framing) {
  if (setting_.finishing) keep_alive_ = false;
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\n{}", reply.status, reason_of(reply.status),
                                 reply.type, framing);
  for (const auto& [name, value] : setting_.handler.headers) head += fmt::format("{}: {}\r\n", name, value);
  for (const auto& [name, value] : reply.headers) head += fmt::format("{}: {}\r\n", name, value);
  return head + fmt::format("Connection: {}\r\n\r\n", keep_alive_ ? "keep-alive" : "close");
}

void Connection::write(std::string bytes) {
  if (dropped_) return;
  unwritten_bytes_ += bytes.size();
  unwritten_.push_back(std::move(bytes));
  if (!writing_) write_next();
}

void Connection::write_next() {
  if (unwritten_.empty()) {
    if (answer_ended_) end_answer();
    return;
  }
  writing_ = true;
  stream_.expires_after(setting_.limits.write_time);
  boost::asio::async_write(stream_, boost::asio::buffer(unwritten_.front()),
                           [self = shared_from_this()](const ErrorCode& error, std::size_t) {
                             self->writing_ = false;
                             if (error || self->dropped_) return self->drop();
                             self->unwritten_bytes_ -= self->unwritten_.front().size();
                             self->unwritten_.pop_front();
                             self->write_next();
                           });
}

void Connection::end_answer() {
  watch_.cancel();
  answer_.reset();
  answer_ended_ = false;
  setting_.on_waiting(-1);
  if (keep_alive_) return read();
  close_behind_rest();
}

/// A socket that is closed while bytes of its client wait to be read resets the connection, and the client may lose an
/// answer that it has not read yet.
void Connection::close_behind_rest() {
  ErrorCode ignored;
  stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  stream_.expires_after(kRestTime);
  struct Reader {
    static void read(const std::shared_ptr<Connection>& self) {
      self->buffer_.clear();
      self->stream_.async_read_some(self->buffer_.prepare(kReadAtOnce), [self](const ErrorCode& error, std::size_t) {
        if (error) return self->drop();
        read(self);
      });
    }
  };
  Reader::read(shared_from_this());
}

void Connection::drop() {
  if (std::exchange(dropped_, true)) return;
  watch_.cancel();
  ErrorCode ignored;
  stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.cancel();
  if (!answer_) return;
  setting_.on_waiting(-1);
  const std::shared_ptr<Answer> answer = std::exchange(answer_, nullptr);
  answer->leave();
}

/// Nothing is read while an answer is on its way, so that a client's end is asked for.
void Connection::watch() {
  watch_.expires_after(kLookAfter);
  watch_.async_wait([self = shared_from_this()](const ErrorCode& error) {
    if (error || !self->answer_ || self->dropped_) return;
    pollfd state = {self->stream_.socket().native_handle(), POLLRDHUP, 0};
    if (poll(&state, 1, 0) > 0) return self->drop();
    self->watch();
  });
}

}  // namespace gemring
