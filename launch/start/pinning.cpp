// The part of placement.h that looks at the machine and pins.
#include <omp.h>
#include <sched.h>
#include <sys/resource.h>

#include <atomic>
#include <cerrno>

#include "engine/base/log.h"
#include "engine/base/process.h"
#include "launch/start/placement.h"
#include "launch/start/topology.h"

namespace gemring {
namespace {

bool run_on(const std::vector<int>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(static_cast<std::size_t>(core), &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;  // 0: the calling thread
}

}  // namespace

RankCores look_at_cores(const std::vector<std::string>& environment) {
  const std::vector<int> own = allowed_cores();
  const std::vector<int> node = node_cores();
  const CoreSource source = core_source(environment, own.size() < node.size());
  const Topology machine = Topology::of_this_machine();
  if (!machine.knows_cores()) log_warn("the system does not tell which processors share a core: each counts as one");
  return {host_name(), source, machine.physical_cores(source == CoreSource::node ? node : own)};
}

void apply(const Placement& placement) {
  omp_set_dynamic(0);
  omp_set_num_threads(placement.threads);
  std::atomic<int> failures = 0;
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
