// Which cores a rank's threads run on, decided for all ranks alike. Pure; pinning.h looks at the machine and pins.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace gemring {

/// Where a rank's cores come from.
enum class CoreSource : int {
  own_mask,  // somebody bound this process on purpose (mpirun --bind-to, srun, taskset): stay inside
  node,      // nobody did, or only mpirun's default, which gives each of two ranks one core: share the node
};

/// What each rank tells the others. Cores are one logical processor per physical core, socket by socket.
struct RankCores {
  std::string host;
  CoreSource source = CoreSource::node;
  std::vector<int> cores;
  double quota = std::numeric_limits<double>::infinity();  // processors' time a second that a control group allows
  std::string quota_group = {};                            // ranks of one group share its quota
  int most_threads = std::numeric_limits<int>::max();      // that OpenMP's library makes
  std::string most_threads_from = {};                      // the variable that says so: "OMP_THREAD_LIMIT"
};

struct ThreadWishes {
  std::optional<int> threads;  // --threads: wins
  std::optional<int> hint;     // OMP_NUM_THREADS: an upper bound
};

/// Where one rank computes.
struct Placement {
  std::vector<int> cores;  // of its threads
  std::vector<int> share;  // what the rank may use in all: `cores`, and those that its threads leave
  int threads = 1;
  bool pinned = false;   // thread i to cores[i]; else every thread may use all of `cores`
  bool crowded = false;  // more ranks than cores here: they take turns
  std::string reason;    // one sentence for the log
  std::string warning;   // empty where all is well
};

/// One Placement per rank. Ranks of a host that stand on the same cores share them as consecutive pieces of
/// floor(c j / g) .. floor(c (j + 1) / g). More ranks than cores: one thread each, not pinned, so that the system can
/// run the ranks that do not wait. With --threads beyond a rank's share its threads are not pinned either. A quota of
/// control groups bounds the threads of its ranks: more of them would be stopped in the middle of their work. A bound
/// of OpenMP's library holds whatever is wished.
///
///     host with cores 0-7, ranks 0, 1 and 2:  rank 0: 0 1   rank 1: 2 3 4   rank 2: 5 6 7
std::vector<Placement> place(const std::vector<RankCores>& ranks, const ThreadWishes& wishes);

/// Who chose the process's affinity mask, from the launcher's traces in `environment` ("NAME=value") as they stand
/// before MPI starts: Open MPI 4.1 leaves OMPI_MCA_hwloc_base_binding_policy only where a user gave --bind-to (or the
/// variable), a mapping policy with `pe=` where cores per rank were asked for, and sets orte_bound_at_launch also for
/// its default. `narrowed`: the mask is smaller than that of the process that started this one.
CoreSource core_source(const std::vector<std::string>& environment, bool narrowed);

/// "0-3,8".
std::string core_list(const std::vector<int>& cores);

}  // namespace gemring
