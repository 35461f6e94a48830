// Who stands still: decided from everyone's last heartbeat. Pure; watchdog.h gathers them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "distributed/comm/heartbeat.h"
#include "engine/base/error.h"
#include "engine/base/types.h"

namespace gemring {

/// What a watching rank knows of another one.
struct RankStatus {
  Heartbeat last;
  double silent_seconds = 0;  // since it came
};

/// Who says how it is to whom. Rank 0 hears of all; itself it is heard of by rank 1, and by the last rank, which mpirun
/// puts on another host where there is one: a host that stops as a whole takes both rank 0 and rank 1 with it.
///
///     5 ranks     rank 0: to 1, 4    rank 1: to 0    rank 2: to 0    rank 3: to 0    rank 4: to 0
std::vector<int> hears_of(int member, int size);
std::vector<int> tells(int member, int size);

/// Why a job does not go on.
struct Stall {
  enum class Kind {
    silent,    // no sign of life: stopped, or its host or network is gone
    still,     // has all it needs, and does nothing with it
    deadlock,  // all wait, for each other
    in_mpi,    // a call of MPI in which others take part does not come back
  };
  Kind kind = Kind::silent;
  std::vector<RankId> ranks;  // who is to blame; of a deadlock those who wait in a circle, or all
  double seconds = 0;         // of the first of them
};

/// Of rank 0, which hears of all (itself included): silent ranks first, for whoever waits for them is no cause; then
/// those that stand still with all they need; then a deadlock. A rank that waits, or is held up from outside of the
/// job, is never to blame for standing still. nothing: all is well, or not for long enough.
std::optional<Stall> find_stall(std::span<const RankStatus> ranks, double timeout);

/// The one error of a stall. ranks: as find_stall() took them; hosts: of all ranks.
ErrorText stall_text(const Stall& stall, std::span<const RankStatus> ranks, std::span<const std::string> hosts);

/// How long a process has made no progress, from looks at it. Time counts as it could have been used: a look that comes
/// late (the process was stopped, its machine slept or gave the processor to others) counts as one that did not.
class StillClock {
 public:
  explicit StillClock(double interval) : longest_(2 * interval) {}
  void look(double elapsed, bool progress) {
    seconds_ = progress ? 0 : seconds_ + (elapsed < longest_ ? elapsed : longest_);
  }
  double seconds() const { return seconds_; }

 private:
  double longest_;
  double seconds_ = 0;
};

}  // namespace gemring
