#include "distributed/comm/mpi_channel.h"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>

#include "distributed/comm/mpi_transfer.h"
#include "engine/base/affinity.h"
#include "engine/base/clock.h"

namespace gemring::detail {
namespace {

using Microseconds = std::chrono::duration<double, std::micro>;
constexpr Microseconds kShortestSleep(50);
constexpr Microseconds kLongestSleep(500);
/// A poll that finds nothing takes a few microseconds; one that reads a socket or copies between processes takes
/// longer.
constexpr double kDataMoved = 20e-6;
constexpr std::size_t kSmall = 4096;  // bytes; Open MPI's eager limit between processes of a host, TCP's is larger

}  // namespace

MpiChannel::MpiChannel() {
  thread_ = std::thread([this] { run(); });
}

MpiChannel::~MpiChannel() {
  {
    const MutexLock held(mpi_mutex);
    stop_ = true;
  }
  work_.notify_one();
  thread_.join();
}

void MpiChannel::set_overlap(bool on) {
  {
    const MutexLock held(mpi_mutex);
    overlap_ = on;
  }
  work_.notify_one();
}

void MpiChannel::add(MpiTransfer& transfer) {
  under_way_.push_back(&transfer);
  if (transfer.carries_data() && data_under_way_++ == 0) data_since_ = steady_seconds();
  if (transfer.bytes() <= kSmall) return;
  posted_ = true;
  if (large_under_way_++ == 0) work_.notify_one();
}

void MpiChannel::remove(MpiTransfer& transfer) {
  const auto place = std::find(under_way_.begin(), under_way_.end(), &transfer);
  if (place == under_way_.end()) return;
  under_way_.erase(place);
  if (transfer.bytes() > kSmall) --large_under_way_;
  if (transfer.carries_data() && --data_under_way_ == 0) totals_.transfer_seconds += steady_seconds() - data_since_;
}

void MpiChannel::add(Forwarder& forwarder) {
  forwarders_.push_back(&forwarder);
  work_.notify_one();
}

void MpiChannel::remove(Forwarder& forwarder) {
  std::erase(forwarders_, &forwarder);
}

void MpiChannel::wake() {
  posted_ = true;
  work_.notify_one();
}

bool MpiChannel::data_under_way_with(RankId peer) const {
  for (const MpiTransfer* transfer : under_way_) {
    if (transfer->peer() == peer && transfer->carries_data()) return true;
  }
  for (const Forwarder* forwarder : forwarders_) {
    if (forwarder->data_under_way_with(peer)) return true;
  }
  return false;
}

void MpiChannel::count_wait(double seconds, bool exposed) {
  totals_.wait_seconds += seconds;
  if (exposed) totals_.exposed_seconds += seconds;
}

CommunicationTotals MpiChannel::totals() const {
  const MutexLock held(mpi_mutex);
  CommunicationTotals now = totals_;
  if (data_under_way_ > 0) now.transfer_seconds += steady_seconds() - data_since_;
  return now;
}

bool MpiChannel::has_work() const {
  if (overlap_ && large_under_way_ > 0) return true;
  for (const Forwarder* forwarder : forwarders_) {
    if (forwarder->wants_polls()) return true;
  }
  return false;
}

bool MpiChannel::poll_forwarders() {
  bool moved = false;
  for (Forwarder* forwarder : forwarders_) moved = forwarder->poll() || moved;
  return moved;
}

bool MpiChannel::poll_transfers() {
  if (!overlap_ || large_under_way_ == 0 || waiters_.load(std::memory_order_relaxed) > 0) return false;
  const double start = steady_seconds();
  bool finished = false;
  for (std::size_t i = 0; i < under_way_.size();) {
    MpiTransfer& transfer = *under_way_[i];
    if (transfer.poll()) {
      remove(transfer);
      finished = true;
    } else {
      ++i;
    }
  }
  return finished || steady_seconds() - start > kDataMoved;
}

void MpiChannel::run() {
  begin_thread("messages");
  prctl(PR_SET_TIMERSLACK, 1000UL);
  MutexLock held(mpi_mutex);
  Microseconds sleep = kShortestSleep;
  for (;;) {
    while (!stop_ && !has_work()) work_.wait(mpi_mutex);
    if (stop_) return;
    const bool forwarded = poll_forwarders();
    const bool moved = poll_transfers() || forwarded;
    sleep = moved || posted_ ? kShortestSleep : std::min(sleep * 1.25, kLongestSleep);
    posted_ = false;
    held.unlock();
    std::this_thread::sleep_for(sleep);
    held.lock();
  }
}

}  // namespace gemring::detail
