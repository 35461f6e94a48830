#include "launch/start/pinning.h"

#include <omp.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "engine/base/affinity.h"
#include "engine/base/cgroup.h"
#include "engine/base/log.h"
#include "engine/base/process.h"
#include "launch/options/environment.h"
#include "launch/start/topology.h"

namespace gemring {
namespace {

bool names_places(const std::vector<std::string>& environment) {
  return !variable(environment, "OMP_PLACES").empty() || !variable(environment, "GOMP_CPU_AFFINITY").empty();
}

/// Whether they are named as what the machine has (sockets, cores), not by the numbers of processors.
bool names_objects(const std::vector<std::string>& environment) {
  const std::string places = variable(environment, "OMP_PLACES");
  return !places.empty() && places.find('{') == std::string::npos;
}

/// Processors of the places that the user named, place by place; empty where OpenMP's library, which has read the
/// variables, made none of them that this rank may use. Of a socket one processor for each physical core; a processor
/// that is named by its number counts, whatever it shares.
std::vector<int> named_processors(const std::vector<std::string>& environment, const Topology& machine) {
  std::vector<int> found;
  const std::vector<int> allowed = allowed_cores();
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> processors(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, processors.data());
    std::erase_if(processors, [&](int processor) {
      return std::find(allowed.begin(), allowed.end(), processor) == allowed.end() ||
             std::find(found.begin(), found.end(), processor) != found.end();
    });
    if (names_objects(environment)) processors = machine.physical_cores(processors);
    found.insert(found.end(), processors.begin(), processors.end());
  }
  return found;
}

/// What the user's variables let OpenMP's library make: it makes fewer threads than it is asked for, and says nothing.
void bound_threads(RankCores& rank) {
  rank.most_threads = omp_get_thread_limit();
  rank.most_threads_from = "OMP_THREAD_LIMIT";
  if (omp_get_max_active_levels() > 0) return;
  rank.most_threads = 1;
  rank.most_threads_from = "OMP_MAX_ACTIVE_LEVELS";
}

}  // namespace

RankCores look_at_cores(const std::vector<std::string>& environment) {
  const CgroupLimits limits = cgroup_limits();
  RankCores found{host_name(), CoreSource::node, {}, limits.processors, limits.processors_group};
  bound_threads(found);
  const Topology machine = Topology::of_this_machine();
  if (!machine.knows_cores()) log_warn("the system does not tell which processors share a core: each counts as one");
  const std::vector<int> own = allowed_cores();
  const std::vector<int> node = node_cores();
  if (names_places(environment)) {
    found.source = CoreSource::own_mask;  // a user who names places shares nothing else of the node
    found.cores = named_processors(environment, machine);
    if (!found.cores.empty()) {
      log_info("OMP_PLACES or GOMP_CPU_AFFINITY names the places of this rank's threads: processors {}",
               core_list(found.cores));
      return found;
    }
    log_warn(
        "OMP_PLACES or GOMP_CPU_AFFINITY leaves no place that this rank may use: its threads stay on processors {}, "
        "where it was started",
        core_list(own));
  } else {
    found.source = core_source(environment, own.size() < node.size());
  }
  found.cores = machine.physical_cores(found.source == CoreSource::node ? node : own);
  return found;
}

void apply(const Placement& placement) {
  omp_set_dynamic(0);
  omp_set_num_threads(placement.threads);
  std::atomic<int> failures = set_whole_share(placement.share) ? 0 : 1;
  int given = 0;
#pragma omp parallel num_threads(placement.threads)
  {
#pragma omp single nowait
    given = omp_get_num_threads();
    const auto thread = static_cast<std::size_t>(omp_get_thread_num());
    if (!run_on(placement.pinned ? std::vector<int>{placement.cores[thread]} : placement.cores)) ++failures;
  }
  if (failures > 0) log_warn("{} of {} threads could not be placed on their cores", failures.load(), placement.threads);
  if (given == placement.threads) return;
  omp_set_num_threads(given);  // what reports and plans count
  log_warn("OpenMP's library gives {} of the {} threads that this rank asks for", given, placement.threads);
}

void step_back() {
  constexpr int kNicer = 5;
  std::atomic<int> failures = 0;
#pragma omp parallel
  {
    errno = 0;                                     // -1 is a priority too
    const int now = getpriority(PRIO_PROCESS, 0);  // 0: the calling thread, on Linux
    if (errno != 0 || setpriority(PRIO_PROCESS, 0, now + kNicer) != 0) ++failures;
  }
  if (failures > 0) log_warn("{} threads could not take a lower priority", failures.load());
}

}  // namespace gemring
