#include "launch/start/last_words.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <utility>

#include "distributed/comm/mpi_session.h"
#include "engine/base/affinity.h"
#include "engine/base/check.h"
#include "engine/base/error.h"

namespace gemring {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM};

std::atomic<int> write_end = -1;
static_assert(std::atomic<int>::is_always_lock_free);  // a handler reads it

void tell(unsigned char signal) {
  while (write(write_end.load(), &signal, 1) < 0 && errno == EINTR) continue;
}

void handle(int signal) {
  const int error = errno;
  tell(static_cast<unsigned char>(signal));
  errno = error;
}

void set_handlers(void (*handler)(int), LastWords::Then then) {
  const bool again = then == LastWords::Then::listens;
  for (const int signal : kSignals) {
    if (again && signal != SIGINT) continue;
    struct sigaction old = {};
    if (sigaction(signal, nullptr, &old) == 0 && old.sa_handler == SIG_IGN) continue;
    struct sigaction wanted = {};
    wanted.sa_handler = handler;
    wanted.sa_flags = SA_RESTART | (again ? 0 : SA_RESETHAND);
    sigaction(signal, &wanted, nullptr);
  }
}

}  // namespace

LastWords::LastWords(std::function<void()> say, Then then) : say_(std::move(say)), then_(then) {
  GEMRING_CHECK(write_end.load() < 0, "last words twice");
  std::array<int, 2> ends = {};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw ResourceError({"pipe", std::strerror(errno), "raise the limit of open files"});
  }
  read_ = ends[0];
  write_end = ends[1];
  thread_ = std::thread([this] { wait(); });
  set_handlers(handle, then_);
}

LastWords::~LastWords() {
  set_handlers(SIG_DFL, then_);
  tell(0);
  thread_.join();
  close(read_);
  close(write_end.exchange(-1));
}

unsigned char LastWords::next() const {
  unsigned char signal = 0;
  while (read(read_, &signal, 1) < 0 && errno == EINTR) continue;
  return signal;
}

void LastWords::wait() {
  begin_thread("last words");
  unsigned char signal = next();
  for (; then_ == Then::listens && signal != 0; signal = next()) say_();
  if (signal == 0) return;
  if (then_ == Then::goes_on) return say_();
  exit_soon(128 + signal);  // a reader may have stopped to read what is said
  try {
    say_();
  } catch (const std::exception&) {  // nobody is left to tell: the process ends as it was asked to
  }
  _exit(128 + signal);
}

void let_rank_zero_speak() {
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
}

}  // namespace gemring
