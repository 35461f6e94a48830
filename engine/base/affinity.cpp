#include "engine/base/affinity.h"

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string>

#include "engine/base/mutex.h"

namespace gemring {
namespace {

Mutex share_mutex;
std::vector<int> share GEMRING_GUARDED_BY(share_mutex);

/// thread: 0 is the calling one. True too where it has ended meanwhile.
bool let_run(const std::vector<int>& processors, pid_t thread) {
  const auto largest = static_cast<std::size_t>(*std::max_element(processors.begin(), processors.end()));
  const std::size_t bytes = CPU_ALLOC_SIZE(largest + 1);
  std::vector<cpu_set_t> set((bytes + sizeof(cpu_set_t) - 1) / sizeof(cpu_set_t));  // machines beyond CPU_SETSIZE
  for (const int processor : processors) CPU_SET_S(static_cast<std::size_t>(processor), bytes, set.data());
  return sched_setaffinity(thread, bytes, set.data()) == 0 || errno == ESRCH;
}

}  // namespace

bool set_whole_share(const std::vector<int>& processors) {
  const MutexLock held(share_mutex);
  share = processors;
  if (share.empty()) return true;
  bool all = true;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
    const std::string name = entry.path().filename();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    all = let_run(share, thread) && all;
  }
  return all && !error;
}

void begin_thread(const char* name) {
  prctl(PR_SET_NAME, name);
  const MutexLock held(share_mutex);
  if (!share.empty()) let_run(share, 0);
}

bool run_on(const std::vector<int>& processors) {
  return let_run(processors, 0);
}

}  // namespace gemring
