// What the control groups above this process leave it of processors and memory, in both versions (cgroups(7),
// the kernel's cgroup-v2.rst and cgroup-v1/). A job system limits the job's group, a container runtime any one
// above: the tightest counts.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace gemring {

struct CgroupLimits {
  double processors = std::numeric_limits<double>::infinity();  // CPU time a second: cpu.max, cpu.cfs_quota_us
  std::string processors_group;                                 // whose quota it is; ranks of one group share it
  std::uint64_t memory_left = std::numeric_limits<std::uint64_t>::max();  // bytes
};

/// `proc`: the process's directory in /proc. `root`: where the file system begins, for tests. What cannot be read is no
/// limit.
CgroupLimits cgroup_limits(const std::string& proc = "/proc/self", const std::string& root = "");

}  // namespace gemring
