// Watches over the ranks of a job: who makes no progress for too long is named, and the job ends.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/comm/stall.h"
#include "engine/base/error.h"

namespace gemring {

struct WatchdogOptions {
  double timeout = 0;              // seconds without progress that are too long; 0: nobody is watched
  std::vector<std::string> hosts;  // of all ranks
  /// Called once, on the thread of the watchdog, on the rank that noticed; to end the job. `rank`: the one to blame.
  /// A PeerError tells of a stall or of MPI; where the watchdog itself fails it is what went wrong there.
  std::function<void(RankId rank, const Error& error)> on_failure;
};

/// A thread that looks at its own process (place.h) and tells others what it saw (stall.h says whom), eight times in a
/// timeout and at least once a second. Progress is a mark of a thread that drives the process, or of a task of its
/// work; pages that come from a disk; or 64 KiB and more that went through reads and writes since the last look (a
/// large message on a slow network; heartbeats that may have to queue behind one are not missed), what was forwarded
/// for other ranks not counted. Counted is time in which this thread could run: see StillClock.
///
/// SIGUSR1 makes it say to stderr where the process is; with a timeout of 0 it does nothing else.
class Watchdog {
 public:
  /// Collective over `world`. One in a process.
  Watchdog(Communicator& world, WatchdogOptions options);

  /// Says that this rank is done, and waits until all those it watches over have said so: they are watched to the end.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void run();
  void guard(const std::function<void()>& step);
  void look(double elapsed);
  void print_place() const;
  void judge(double elapsed);
  void report(const Stall& stall);
  void fail(RankId rank, const Error& error);
  void send_shutdown();
  bool all_shut_down() const;
  RankStatus& own() { return ranks_[static_cast<std::size_t>(member_)]; }

  WatchdogOptions options_;
  int member_;
  double interval_;
  double patience_;  // the timeout, longer on ranks that are to notice only what the first ones cannot
  std::unique_ptr<HeartbeatLink> link_;
  std::vector<int> heard_, told_;
  std::vector<RankStatus> ranks_;  // of all ranks; of those not heard of nothing
  std::vector<StillClock> silence_;
  StillClock still_;
  StillClock in_mpi_;  // how long others were inside of MPI whenever this thread wanted to be
  std::uint64_t marks_ = 0, pages_ = 0, bytes_ = 0, forwarded_ = 0;
  bool data_moves_ = false;
  bool sent_shutdown_ = false, reported_ = false;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace gemring
