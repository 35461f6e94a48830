#include "engine/base/process.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>

namespace gemring {
namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

/// The number behind `key` in a file of lines; 0 where it is missing.
std::uint64_t proc_number(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key)) return std::stoull(line.substr(key.size()));
  }
  return 0;
}

/// A cgroup v2 number; "max" and a missing file are no limit.
std::uint64_t cgroup_number(const std::string& file) {
  std::ifstream in(file);
  std::uint64_t value = 0;
  return in >> value ? value : kNoLimit;
}

/// What one cgroup leaves: pages of files that nobody holds can be taken back, so they do not count as used.
std::uint64_t left_in_cgroup(const std::string& directory) {
  const std::uint64_t limit = cgroup_number(directory + "/memory.max");
  if (limit == kNoLimit) return kNoLimit;
  const std::uint64_t current = cgroup_number(directory + "/memory.current");
  const std::uint64_t cached = proc_number((directory + "/memory.stat").c_str(), "inactive_file ");
  const std::uint64_t used = current > cached ? current - cached : 0;
  return limit > used ? limit - used : 0;
}

/// The cgroup of this process below the mount, "" for the root (a container sees its own as the root).
std::string cgroup_path() {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("0::/")) return line.substr(3) == "/" ? "" : line.substr(3);
  }
  return "";
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
  return proc_number("/proc/self/status", "VmHWM:") * 1024;
}

std::uint64_t pages_fetched() {
  rusage usage{};
  return getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<std::uint64_t>(usage.ru_majflt) : 0;
}

std::uint64_t bytes_moved() {
  return proc_number("/proc/self/io", "rchar:") + proc_number("/proc/self/io", "wchar:");
}

bool reset_peak_rss() {
  std::ofstream out("/proc/self/clear_refs");  // proc(5): 5 resets VmHWM
  out << "5" << std::flush;
  return out.good();
}

std::uint64_t available_memory_bytes() {
  std::uint64_t available = proc_number("/proc/meminfo", "MemAvailable:") * 1024;
  // A job system limits the job's cgroup, a container runtime any one above: the tightest counts.
  for (std::string path = cgroup_path();; path.resize(path.rfind('/'))) {
    available = std::min(available, left_in_cgroup("/sys/fs/cgroup" + path));
    if (path.empty()) return available;
  }
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
