#include "engine/base/process.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>

namespace gemring {
namespace {

/// The kB figure behind `key` in a /proc file; 0 where it is missing.
std::uint64_t proc_kilobytes(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key)) return std::stoull(line.substr(key.size() + 1));
  }
  return 0;
}

/// A cgroup v2 number; "max" and a missing file are no limit.
std::uint64_t cgroup_number(const char* file) {
  std::ifstream in(file);
  std::uint64_t value = 0;
  return in >> value ? value : std::numeric_limits<std::uint64_t>::max();
}

std::vector<int> cores_of(pid_t process) {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (sched_getaffinity(process, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

}  // namespace

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

std::uint64_t peak_rss_bytes() {
  return proc_kilobytes("/proc/self/status", "VmHWM:") * 1024;
}

std::uint64_t available_memory_bytes() {
  const std::uint64_t machine = proc_kilobytes("/proc/meminfo", "MemAvailable:") * 1024;
  const std::uint64_t limit = cgroup_number("/sys/fs/cgroup/memory.max");
  if (limit == std::numeric_limits<std::uint64_t>::max()) return machine;
  const std::uint64_t used = cgroup_number("/sys/fs/cgroup/memory.current");
  return std::min(machine, limit > used ? limit - used : 0);
}

std::vector<int> allowed_cores() {
  return cores_of(0);
}

std::vector<int> node_cores() {
  std::vector<int> cores = cores_of(0);
  const std::vector<int> parent = cores_of(getppid());
  cores.insert(cores.end(), parent.begin(), parent.end());
  std::sort(cores.begin(), cores.end());
  cores.erase(std::unique(cores.begin(), cores.end()), cores.end());
  return cores;
}

}  // namespace gemring
