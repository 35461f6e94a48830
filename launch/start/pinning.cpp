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

/// A processor of each place that the user named, in their order; empty where none were named. OpenMP's library
/// has read the variables.
std::vector<int> named_places(const std::vector<std::string>& environment) {
  std::vector<int> found;
  if (variable(environment, "OMP_PLACES").empty() && variable(environment, "GOMP_CPU_AFFINITY").empty()) return found;
  const std::vector<int> allowed = allowed_cores();
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> processors(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, processors.data());
    for (const int processor : processors) {
      if (std::find(allowed.begin(), allowed.end(), processor) == allowed.end()) continue;
      if (std::find(found.begin(), found.end(), processor) != found.end()) continue;
      found.push_back(processor);
      break;
    }
  }
  return found;
}

}  // namespace

RankCores look_at_cores(const std::vector<std::string>& environment) {
  const CgroupLimits limits = cgroup_limits();
  if (const std::vector<int> places = named_places(environment); !places.empty()) {
    log_info("OMP_PLACES or GOMP_CPU_AFFINITY names the places of this rank's threads: processors {}",
             core_list(places));
    return {host_name(), CoreSource::own_mask, places, limits.processors, limits.processors_group};
  }
  const std::vector<int> own = allowed_cores();
  const std::vector<int> node = node_cores();
  const CoreSource source = core_source(environment, own.size() < node.size());
  const Topology machine = Topology::of_this_machine();
  if (!machine.knows_cores()) log_warn("the system does not tell which processors share a core: each counts as one");
  return {host_name(), source, machine.physical_cores(source == CoreSource::node ? node : own), limits.processors,
          limits.processors_group};
}

void apply(const Placement& placement) {
  omp_set_dynamic(0);
  omp_set_num_threads(placement.threads);
  std::atomic<int> failures = set_whole_share(placement.share) ? 0 : 1;
#pragma omp parallel num_threads(placement.threads)
  {
    const auto thread = static_cast<std::size_t>(omp_get_thread_num());
    if (!run_on(placement.pinned ? std::vector<int>{placement.cores[thread]} : placement.cores)) ++failures;
  }
  if (failures > 0) log_warn("{} of {} threads could not be placed on their cores", failures.load(), placement.threads);
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
