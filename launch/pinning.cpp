// The part of placement.h that looks at the machine and pins.
#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "engine/base/log.h"
#include "engine/base/process.h"
#include "launch/placement.h"

namespace gemring {
namespace {

/// The first line of a file of /sys/devices/system/cpu/cpuN/topology; `missing` where the system does not tell.
std::string topology(int processor, const char* file, const std::string& missing) {
  std::ifstream in(fmt::format("/sys/devices/system/cpu/cpu{}/topology/{}", processor, file));
  std::string line;
  return std::getline(in, line) ? line : missing;
}

/// One logical processor per physical core, socket by socket: two threads of a matrix product on one core's two
/// hyperthreads fight for the same multipliers.
std::vector<int> physical_cores(const std::vector<int>& processors) {
  std::set<std::string> seen;  // lists of hyperthread siblings
  std::map<std::string, std::vector<int>> sockets;
  for (const int processor : processors) {
    if (!seen.insert(topology(processor, "thread_siblings_list", std::to_string(processor))).second) continue;
    sockets[topology(processor, "physical_package_id", "0")].push_back(processor);
  }
  std::vector<int> cores;
  for (const auto& [socket, members] : sockets) cores.insert(cores.end(), members.begin(), members.end());
  return cores;
}

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
  return {host_name(), source, physical_cores(source == CoreSource::node ? node : own)};
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

}  // namespace gemring
