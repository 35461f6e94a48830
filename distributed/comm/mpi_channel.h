// The one door to MPI of a process: a lock, a count of what was sent and waited for, and the thread that keeps messages
// moving while the other threads compute. Internal to distributed/comm.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "distributed/comm/communicator.h"

namespace gemring::detail {

class MpiTransfer;

/// Open MPI moves messages only inside its calls: over TCP nothing that is larger than a socket's buffer proceeds while
/// a rank computes. The channel's thread therefore polls what is under way, so that it does. Between two polls it
/// sleeps: 50 us after a message was posted, or data moved, then a quarter longer each time up to half a millisecond.
/// Without transfers it sleeps until there are some; small ones, which MPI sends at once, do not wake it. A thread that
/// waits polls by itself, and this one leaves it alone.
///
/// All calls of MPI are made under lock(): MPI_THREAD_SERIALIZED is enough. With less (MPI_THREAD_SINGLE, FUNNELED)
/// there is no thread, and messages move in the waits alone.
class MpiChannel {
 public:
  explicit MpiChannel(bool threads_may_call_mpi);
  ~MpiChannel();
  MpiChannel(const MpiChannel&) = delete;
  MpiChannel& operator=(const MpiChannel&) = delete;

  std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }
  std::unique_lock<std::mutex> try_lock() { return std::unique_lock(mutex_, std::try_to_lock); }
  bool threads_may_call_mpi() const { return thread_.joinable(); }

  /// Switches the thread off and on (it is on from the start), for measurements of what it is good for.
  void set_overlap(bool on);

  // The following are called under lock().
  void add(MpiTransfer& transfer);     // under way from now on
  void remove(MpiTransfer& transfer);  // finished or given up
  CommunicationTotals& counted() { return totals_; }
  bool data_under_way_with(RankId peer) const;

  /// Adds a wait's seconds; `exposed`: for data, not for control messages.
  void count_wait(double seconds, bool exposed);
  CommunicationTotals totals() const;

  /// While one exists the thread does not poll: the caller does.
  class Waiter {
   public:
    explicit Waiter(MpiChannel& channel) : channel_(channel) { ++channel_.waiters_; }
    ~Waiter() { --channel_.waiters_; }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

   private:
    MpiChannel& channel_;
  };

 private:
  void run();
  bool poll_all();  // true where something finished, or data moved

  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::vector<MpiTransfer*> under_way_;
  CommunicationTotals totals_;
  int large_under_way_ = 0;
  int data_under_way_ = 0;
  double data_since_ = 0;  // when the first of these was posted
  bool overlap_ = true;
  bool posted_ = false;
  bool stop_ = false;
  std::atomic<int> waiters_ = 0;
  std::thread thread_;
};

}  // namespace gemring::detail
