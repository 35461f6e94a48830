#include "distributed/comm/watchdog.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "engine/base/affinity.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/process.h"

namespace gemring {
namespace {

constexpr double kLongestInterval = 1;  // seconds
constexpr double kLooksInTimeout = 8;
constexpr double kShutdownInterval = 2e-3;         // seconds; at the end somebody waits for this thread
constexpr std::uint64_t kBytesMoved = 64u << 10;   // from one look to the next, beside the heartbeats themselves
constexpr std::uint64_t kBytesOfHeartbeat = 1024;  // with all that MPI adds

/// What wakes the thread: the signal handler, and the end. An eventfd, for a handler may write to it.
std::atomic<int> wake_up = -1;
std::atomic<bool> place_wanted = false;

void notify() {
  const std::uint64_t one = 1;
  const int before = errno;
  if (write(wake_up.load(), &one, sizeof one) < 0) errno = before;  // full: it wakes up anyway
}

void on_signal(int) {
  place_wanted.store(true);
  notify();
}

void handle_signal(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
}

/// Sleeps so many seconds, or until somebody notifies.
void sleep_or_wake(double seconds) {
  pollfd event{wake_up.load(), POLLIN, 0};
  const double milliseconds = std::min(std::ceil(seconds * 1e3), 3.6e6);
  std::uint64_t count = 0;
  if (poll(&event, 1, static_cast<int>(milliseconds)) > 0 && read(event.fd, &count, sizeof count) < 0) return;
}

double interval_of(double timeout) {
  return timeout > 0 ? std::min(timeout / kLooksInTimeout, kLongestInterval) : kLongestInterval;
}

/// Rank 0 first; then, where rank 0 itself is stopped, rank 1, and where that one is too, the last.
double patience_of(int member, double timeout) {
  return timeout + (member == 0 ? 0 : member == 1 ? 2 : 5) * interval_of(timeout);
}

}  // namespace

Watchdog::Watchdog(Communicator& world, WatchdogOptions options)
    : options_(std::move(options)),
      member_(world.member()),
      interval_(interval_of(options_.timeout)),
      patience_(patience_of(member_, options_.timeout)),
      ranks_(static_cast<std::size_t>(world.size())),
      silence_(ranks_.size(), StillClock(interval_)),
      still_(interval_),
      in_mpi_(interval_) {
  if (options_.timeout > 0) link_ = world.heartbeat_link();
  if (link_) {
    heard_ = hears_of(member_, world.size());
    told_ = tells(member_, world.size());
  }
  const int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  GEMRING_CHECK(event >= 0 && wake_up.exchange(event) < 0, "eventfd {}: another watch, or no more files", event);
  handle_signal(on_signal);
  thread_ = std::thread([this] { run(); });
}

Watchdog::~Watchdog() {
  stop_.store(true);
  notify();
  thread_.join();
  handle_signal(SIG_IGN);
  close(wake_up.exchange(-1));
}

void Watchdog::run() {
  begin_thread("watchdog");
  const bool watches = options_.timeout > 0;
  double before = steady_seconds();
  for (;;) {
    const double now = steady_seconds();
    if (watches) guard([&] { look(now - before); });
    before = now;
    if (place_wanted.exchange(false)) guard([&] { print_place(); });
    if (stop_.load() && all_shut_down()) return;
    sleep_or_wake(stop_.load() ? kShutdownInterval : watches ? interval_ : 3600);
  }
}

/// Whatever goes wrong ends the job: without this thread nobody is watched.
void Watchdog::guard(const std::function<void()>& step) {
  try {
    return step();
  } catch (const std::exception& exception) {
    fail(RankId(member_), as_error(exception));
  } catch (...) {
    fail(RankId(member_), Error(ExitCode::internal, {"the watchdog", "unknown exception", "please report this bug"}));
  }
  link_.reset();
}

void Watchdog::print_place() const {
  log_raw(fmt::format("rank {} on {}: {}\n", member_, options_.hosts.at(static_cast<std::size_t>(member_)),
                      describe(look_at_process().place)));
}

void Watchdog::look(double elapsed) {
  const ProcessLook now = look_at_process();
  const std::uint64_t pages = pages_fetched();
  const std::uint64_t bytes = bytes_moved();
  const std::uint64_t forwarded = link_ ? link_->forwarded_bytes() : 0;
  const std::uint64_t of_others = kBytesOfHeartbeat * (heard_.size() + told_.size()) + forwarded - forwarded_;
  data_moves_ = bytes - bytes_ >= kBytesMoved + of_others;
  const bool progress = now.marks != marks_ || pages != pages_ || data_moves_;
  if (progress || now.place.state != own().last.place.state) {
    marks_ = now.marks;
    pages_ = pages;
    still_.look(elapsed, true);
  } else {
    still_.look(elapsed, false);
  }
  bytes_ = bytes;
  forwarded_ = forwarded;
  own().last.place = now.place;
  own().last.still_seconds = static_cast<float>(still_.seconds());
  judge(elapsed);
  if (stop_.load()) send_shutdown();
}

void Watchdog::judge(double elapsed) {
  if (link_) {
    for (const int other : heard_) ranks_[static_cast<std::size_t>(other)].silent_seconds = -1;
    const bool exchanged = link_->exchange(own().last, sent_shutdown_ ? std::span<const int>() : told_,
                                           [&](int from, const Heartbeat& heartbeat) {
                                             ranks_[static_cast<std::size_t>(from)] = {heartbeat, 0};
                                           });
    in_mpi_.look(elapsed, exchanged);
    for (const int other : heard_) {
      const auto index = static_cast<std::size_t>(other);
      RankStatus& theirs = ranks_[index];
      const bool counts = exchanged && !(data_moves_ && link_->behind_data(other));
      silence_[index].look(counts ? elapsed : 0, theirs.silent_seconds == 0 || theirs.last.shutdown);
      theirs.silent_seconds = silence_[index].seconds();
    }
    if (in_mpi_.seconds() >= patience_ && (member_ == 0 || !heard_.empty()))
      report({Stall::Kind::in_mpi, {RankId(member_)}, in_mpi_.seconds()});
  }
  if (member_ == 0) {
    if (const auto stall = find_stall(ranks_, patience_)) report(*stall);
  } else if (!heard_.empty()) {  // of rank 0 alone, which knows best who stands still while it lives
    if (const auto stall = find_stall(std::span(ranks_).first(1), patience_);
        stall && stall->kind == Stall::Kind::silent)
      report(*stall);
  }
}

void Watchdog::report(const Stall& stall) {
  fail(stall.ranks.front(), PeerError(stall_text(stall, ranks_, options_.hosts)));
}

void Watchdog::fail(RankId rank, const Error& error) {
  if (!std::exchange(reported_, true)) options_.on_failure(rank, error);
}

void Watchdog::send_shutdown() {
  if (!link_ || sent_shutdown_ || !link_->all_left()) return;
  own().last.shutdown = true;
  sent_shutdown_ = link_->exchange(own().last, told_, [&](int from, const Heartbeat& heartbeat) {
    ranks_[static_cast<std::size_t>(from)] = {heartbeat, 0};
  });
}

bool Watchdog::all_shut_down() const {
  if (!link_) return true;
  const bool others = std::all_of(heard_.begin(), heard_.end(),
                                  [&](int other) { return ranks_[static_cast<std::size_t>(other)].last.shutdown; });
  return others && sent_shutdown_ && link_->all_left();
}

}  // namespace gemring
