#include "launch/serve/http/http_server.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <utility>

#include "engine/base/affinity.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "launch/serve/http/connection.h"

namespace gemring {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

struct HttpServer::State {
  explicit State(const HttpLimits& wanted) : limits(wanted) {}

  HttpLimits limits;
  HttpHandler handler;
  bool finishing = false;  // as the next two: of the server's thread
  bool accepting = false;
  std::size_t connections = 0;
  std::atomic<int> waiting = 0;  // answers
  tcp::endpoint address;
  asio::io_context io{1}, long_work;  // connections die with it, and use what stands above
  asio::executor_work_guard<asio::io_context::executor_type> io_stays{io.get_executor()};
  asio::executor_work_guard<asio::io_context::executor_type> long_work_stays{long_work.get_executor()};
  tcp::acceptor acceptor{io};
  std::thread thread;
  std::array<std::thread, 2> workers;

  void accept() {
    if (accepting || finishing || connections >= limits.most_connections) return;
    accepting = true;
    acceptor.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
      accepting = false;
      if (error == asio::error::operation_aborted || finishing) return;
      if (error) return accept_later();  // such as too many open files
      begin(std::move(socket));
      accept();
    });
  }

  void accept_later() {
    const auto timer = std::make_shared<asio::steady_timer>(io, std::chrono::milliseconds(100));
    timer->async_wait([this, timer](const boost::system::error_code&) { accept(); });
  }

  void begin(tcp::socket socket) {
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(tcp::socket::send_buffer_size(limits.most_unread_by_system), ignored);
    ++connections;
    const ConnectionSetting setting{.limits = limits,
                                    .handler = handler,
                                    .finishing = finishing,
                                    .on_end =
                                        [this] {
                                          --connections;
                                          accept();
                                        },
                                    .on_waiting = [this](int change) { waiting += change; }};
    std::make_shared<Connection>(std::move(socket), setting)->read();
  }
};

HttpServer::HttpServer(const std::string& host, std::uint16_t port, const HttpLimits& limits)
    : state_(std::make_unique<State>(limits)) {
  const auto require = [&](const boost::system::error_code& error, const std::string& advice) {
    if (!error) return;
    throw UsageError(
        {"--host, --port", fmt::format("{}:{} cannot be listened on: {}", host, port, error.message()), advice});
  };
  boost::system::error_code error;
  const auto found = tcp::resolver(state_->io).resolve(host, std::to_string(port), tcp::resolver::passive, error);
  require(error, "give an address of this machine, 0.0.0.0 or :: for all of them");
  const tcp::endpoint address = found.begin()->endpoint();
  state_->acceptor.open(address.protocol(), error);
  require(error, "give an address of another kind");
  state_->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  state_->acceptor.bind(address, error);
  require(error, "give a --port that nobody uses, and an address of this machine");
  state_->acceptor.listen(tcp::acceptor::max_listen_connections, error);
  require(error, "give a --port that nobody uses");
  state_->address = state_->acceptor.local_endpoint();
}

HttpServer::~HttpServer() {
  stop();
  state_->finishing = true;  // connections that end now make room for no others
}

void HttpServer::stop() {
  state_->io.stop();
  state_->long_work.stop();
  if (state_->thread.joinable()) state_->thread.join();
  for (std::thread& worker : state_->workers) {
    if (worker.joinable()) worker.join();
  }
}

void HttpServer::start(HttpHandler handler) {
  state_->handler = std::move(handler);
  post([this] { state_->accept(); });
  state_->thread = std::thread([this] {
    begin_thread("http");
    state_->io.run();
  });
  for (std::thread& worker : state_->workers) {
    worker = std::thread([this] {
      begin_thread("http requests");
      state_->long_work.run();
    });
  }
}

std::uint16_t HttpServer::port() const {
  return state_->address.port();
}

bool HttpServer::is_loopback() const {
  return state_->address.address().is_loopback();
}

void HttpServer::post(std::function<void()> work) {
  asio::post(state_->io, std::move(work));
}

void HttpServer::post_long(std::function<void()> work) {
  asio::post(state_->long_work, std::move(work));
}

void HttpServer::post_after(std::chrono::milliseconds delay, std::function<void()> work) {
  post([this, delay, work = std::move(work)]() mutable {
    const auto timer = std::make_shared<asio::steady_timer>(state_->io, delay);
    timer->async_wait([timer, work = std::move(work)](const boost::system::error_code& error) {
      if (!error) work();
    });
  });
}

void HttpServer::finish(std::chrono::milliseconds longest) {
  post([this] {
    state_->finishing = true;
    boost::system::error_code ignored;
    state_->acceptor.close(ignored);
  });
  const double end = steady_seconds() + std::chrono::duration<double>(longest).count();
  while (state_->waiting.load() > 0 && steady_seconds() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace gemring
