#include "engine/base/process.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <fstream>

#include "engine/base/cgroup.h"

namespace gemring {
namespace {

/// The number behind `key` in a file of lines; 0 where it is missing.
std::uint64_t proc_number(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key)) return std::stoull(line.substr(key.size()));
  }
  return 0;
}

// The processors that the process was started with. OpenMP's library binds the first thread to one place before main()
// where a variable asks for it (OMP_PROC_BIND, OMP_PLACES, GOMP_CPU_AFFINITY), and with it all that is made later, so
// the program itself looks earlier: functions of .preinit_array come before the constructors of libraries. Sanitizers
// are not ready there, so nothing of it is instrumented and the kernel is called directly.
constexpr std::size_t kMaskBytes = 8192;  // 65,536 processors
alignas(unsigned long) unsigned char first_mask[kMaskBytes];
long first_mask_bytes = 0;  // 0 or less: not seen

__attribute__((no_sanitize("address", "thread", "undefined"))) void remember_first_mask(int, char**, char**) {
  first_mask_bytes = syscall(SYS_sched_getaffinity, 0, sizeof first_mask, first_mask);
}
__attribute__((section(".preinit_array"), used)) void (*const kRememberFirstMask)(int, char**,
                                                                                  char**) = remember_first_mask;

std::vector<int> cores_in(const unsigned char* mask, long bytes) {
  std::vector<int> cores;
  for (long i = 0; i < 8 * bytes; ++i) {
    if ((mask[i / 8] >> (i % 8) & 1) != 0) cores.push_back(static_cast<int>(i));  // words are little-endian
  }
  return cores;
}

std::vector<int> cores_of(pid_t process) {
  std::vector<unsigned char> mask(kMaskBytes);
  return cores_in(mask.data(), syscall(SYS_sched_getaffinity, process, mask.size(), mask.data()));
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
  return std::min(proc_number("/proc/meminfo", "MemAvailable:") * 1024, cgroup_limits().memory_left);
}

std::vector<int> allowed_cores() {
  return first_mask_bytes > 0 ? cores_in(first_mask, first_mask_bytes) : cores_of(0);
}

std::vector<int> thread_cores() {
  return cores_of(0);
}

void allow_first_cores() {
  if (first_mask_bytes > 0) syscall(SYS_sched_setaffinity, 0, first_mask_bytes, first_mask);
}

std::vector<int> node_cores() {
  std::vector<int> cores = allowed_cores();
  const std::vector<int> parent = cores_of(getppid());
  cores.insert(cores.end(), parent.begin(), parent.end());
  std::sort(cores.begin(), cores.end());
  cores.erase(std::unique(cores.begin(), cores.end()), cores.end());
  return cores;
}

}  // namespace gemring
