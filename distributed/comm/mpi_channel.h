// The one door to MPI of a process: a lock, a count of what was sent and waited for, and the thread that keeps messages
// moving while the other threads compute. Internal to distributed/comm.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "distributed/comm/communicator.h"
#include "engine/base/mutex.h"

namespace gemring::detail {

class MpiTransfer;

/// All calls of MPI are made under this lock: MPI_THREAD_SERIALIZED is enough. MPI is one in a process, so is its lock.
inline constinit Mutex mpi_mutex;

/// Open MPI moves messages only inside its calls: over TCP nothing that is larger than a socket's buffer proceeds while
/// a rank computes. The channel's thread therefore polls what is under way, so that it does. Between two polls it
/// sleeps: 50 us after a message was posted, or data moved, then a quarter longer each time up to half a millisecond.
/// Without transfers it sleeps until there are some; small ones, which MPI sends at once, do not wake it. A thread that
/// waits for a transfer polls by itself, and this one leaves it alone; what is forwarded for others (Forwarder) moves
/// whoever waits.
class MpiChannel {
 public:
  /// What the thread also moves, on behalf of other ranks: a broadcast.
  class Forwarder {
   public:
    virtual ~Forwarder() = default;
    virtual bool poll() GEMRING_REQUIRES(mpi_mutex) = 0;               // true where something moved; never throws
    virtual bool wants_polls() const GEMRING_REQUIRES(mpi_mutex) = 0;  // else the thread may sleep
    virtual bool data_under_way_with(RankId peer) const GEMRING_REQUIRES(mpi_mutex) = 0;
  };

  MpiChannel();
  ~MpiChannel();
  MpiChannel(const MpiChannel&) = delete;
  MpiChannel& operator=(const MpiChannel&) = delete;

  /// Switches the polling of transfers off and on (it is on from the start), for measurements of what it is good for.
  void set_overlap(bool on);

  void add(MpiTransfer& transfer) GEMRING_REQUIRES(mpi_mutex);     // under way from now on
  void remove(MpiTransfer& transfer) GEMRING_REQUIRES(mpi_mutex);  // finished or given up
  void add(Forwarder& forwarder) GEMRING_REQUIRES(mpi_mutex);
  void remove(Forwarder& forwarder) GEMRING_REQUIRES(mpi_mutex);
  void wake() GEMRING_REQUIRES(mpi_mutex);  // a forwarder has something to send
  bool data_under_way_with(RankId peer) const GEMRING_REQUIRES(mpi_mutex);

  CommunicationTotals& counted() GEMRING_REQUIRES(mpi_mutex) { return totals_; }
  /// Adds a wait's seconds; `exposed`: for data, not for control messages.
  void count_wait(double seconds, bool exposed) GEMRING_REQUIRES(mpi_mutex);
  CommunicationTotals totals() const;

  /// Bytes that came in and went out for others: no progress of this rank's own.
  void count_forwarded(std::size_t bytes) { forwarded_bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  std::uint64_t forwarded_bytes() const { return forwarded_bytes_.load(std::memory_order_relaxed); }

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
  bool has_work() const GEMRING_REQUIRES(mpi_mutex);
  bool poll_forwarders() GEMRING_REQUIRES(mpi_mutex);
  bool poll_transfers() GEMRING_REQUIRES(mpi_mutex);  // true where something finished, or data moved

  CondVar work_;
  std::vector<MpiTransfer*> under_way_ GEMRING_GUARDED_BY(mpi_mutex);
  std::vector<Forwarder*> forwarders_ GEMRING_GUARDED_BY(mpi_mutex);
  CommunicationTotals totals_ GEMRING_GUARDED_BY(mpi_mutex);
  int large_under_way_ GEMRING_GUARDED_BY(mpi_mutex) = 0;
  int data_under_way_ GEMRING_GUARDED_BY(mpi_mutex) = 0;
  double data_since_ GEMRING_GUARDED_BY(mpi_mutex) = 0;  // when the first of these was posted
  bool overlap_ GEMRING_GUARDED_BY(mpi_mutex) = true;
  bool posted_ GEMRING_GUARDED_BY(mpi_mutex) = false;
  bool stop_ GEMRING_GUARDED_BY(mpi_mutex) = false;
  std::atomic<int> waiters_ = 0;
  std::atomic<std::uint64_t> forwarded_bytes_ = 0;
  std::thread thread_;
};

}  // namespace gemring::detail
