#include "engine/base/cgroup.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>
#include <vector>

namespace gemring {
namespace {

std::vector<std::string> words_of(const std::string& text, char separator) {
  std::vector<std::string> words;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, separator);) words.push_back(word);
  return words;
}

/// The first number of a file; nothing where there is none ("max") or no file. -1 is a number.
bool read_number(const std::string& file, double& value) {
  std::ifstream in(file);
  return static_cast<bool>(in >> value);
}

/// The number behind `key` in a file of lines; 0 where it is missing.
double number_of(const std::string& file, const std::string& key) {
  std::ifstream in(file);
  std::string name;
  for (double value = 0; in >> name >> value;) {
    if (name == key) return value;
  }
  return 0;
}

/// A hierarchy of groups and this process's place in it.
struct Hierarchy {
  std::string mount;  // where it is mounted
  std::string path;   // of the process's group below the mount, "" for the mount itself
};

/// The hierarchy of `controller`; of version 2 where it is empty. mount empty: there is none.
Hierarchy hierarchy_of(const std::string& proc, const std::string& root, const std::string& controller) {
  Hierarchy found;
  std::string top = "/";  // of the hierarchy: what the mount shows as its root
  std::ifstream mounts(proc + "/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const std::size_t split = line.find(" - ");
    if (split == std::string::npos) continue;
    const auto before = words_of(line.substr(0, split), ' ');
    const auto behind = words_of(line.substr(split + 3), ' ');
    if (before.size() < 5 || behind.size() < 3) continue;
    const auto options = words_of(behind[2], ',');
    const bool right = controller.empty() ? behind[0] == "cgroup2"
                                          : behind[0] == "cgroup" &&
                                                std::find(options.begin(), options.end(), controller) != options.end();
    if (!right) continue;
    found.mount = root + before[4];
    top = before[3];
    break;
  }
  if (found.mount.empty()) return found;
  std::ifstream groups(proc + "/cgroup");  // "0::/a/b", "4:cpu,cpuacct:/a/b"
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const auto controllers = words_of(line.substr(first + 1, second - first - 1), ',');
    const bool right = controller.empty()
                           ? line.starts_with("0::")
                           : std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
    if (!right) continue;
    std::string path = line.substr(second + 1);
    // A container sees its own group as the mount's root, and may be told the path from the host's root.
    if (top != "/") path = path.starts_with(top) ? path.substr(top.size()) : "";
    if (path != "/") found.path = path;
    break;
  }
  return found;
}

/// Calls `look` for the process's group and each one above it.
void climb(const Hierarchy& hierarchy, const std::function<void(const std::string& directory)>& look) {
  if (hierarchy.mount.empty()) return;
  for (std::string path = hierarchy.path;; path.resize(path.rfind('/'))) {
    look(hierarchy.mount + path);
    if (path.find('/') == std::string::npos) return;
  }
}

void limit_processors(CgroupLimits& limits, const std::string& directory, double quota, double period) {
  if (!(quota > 0) || !(period > 0) || quota / period >= limits.processors) return;
  limits.processors = quota / period;
  limits.processors_group = directory;
}

/// Pages of files that nobody holds can be taken back, so they do not count as used.
void limit_memory(CgroupLimits& limits, double limit, double used, double cached) {
  constexpr double kNoLimit = 9e18;  // version 1 says "none" by the largest number of pages
  if (!(limit >= 0) || limit >= kNoLimit) return;
  const double left = std::max(0.0, limit - std::max(0.0, used - cached));
  limits.memory_left = std::min(limits.memory_left, static_cast<std::uint64_t>(left));
}

}  // namespace

CgroupLimits cgroup_limits(const std::string& proc, const std::string& root) {
  CgroupLimits limits;
  climb(hierarchy_of(proc, root, ""), [&](const std::string& directory) {
    double quota = 0, period = 0, limit = 0, used = 0;
    std::ifstream cpu(directory + "/cpu.max");  // "50000 100000", "max 100000"
    if (cpu >> quota >> period) limit_processors(limits, directory, quota, period);
    if (read_number(directory + "/memory.max", limit) && read_number(directory + "/memory.current", used)) {
      limit_memory(limits, limit, used, number_of(directory + "/memory.stat", "inactive_file"));
    }
  });
  climb(hierarchy_of(proc, root, "cpu"), [&](const std::string& directory) {
    double quota = 0, period = 0;  // a quota of -1: none
    if (read_number(directory + "/cpu.cfs_quota_us", quota) && read_number(directory + "/cpu.cfs_period_us", period)) {
      limit_processors(limits, directory, quota, period);
    }
  });
  climb(hierarchy_of(proc, root, "memory"), [&](const std::string& directory) {
    double limit = 0, used = 0;
    if (read_number(directory + "/memory.limit_in_bytes", limit) &&
        read_number(directory + "/memory.usage_in_bytes", used)) {
      limit_memory(limits, limit, used, number_of(directory + "/memory.stat", "total_inactive_file"));
    }
  });
  return limits;
}

}  // namespace gemring
