#include "launch/start/prepare_process.h"

#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>

#include "engine/base/process.h"
#include "launch/start/places_of_affinity.h"

namespace gemring {
namespace {

bool has_skylake_vectors() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

/// Whether the variable was unset and now has this value.
bool set_default(const char* variable, const char* value) {
  return getenv(variable) == nullptr && setenv(variable, value, 0) == 0;
}

/// Whether GOMP_CPU_AFFINITY named processors that are not there, and OMP_PLACES now says the same.
bool soften_affinity() {
  const char* const affinity = getenv("GOMP_CPU_AFFINITY");
  if (affinity == nullptr) return false;
  const std::optional<std::string> places = places_of_affinity(affinity, node_cores());
  if (!places || unsetenv("GOMP_CPU_AFFINITY") != 0) return false;
  set_default("OMP_PLACES", places->c_str());
  return true;
}

}  // namespace

void prepare_process(char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of the write, which says so
  const char* const local_ranks = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  if (local_ranks != nullptr && strtoul(local_ranks, nullptr, 10) > node_cores().size()) {
    set_default("OMPI_MCA_mpi_yield_when_idle", "1");
  }
  bool changed = set_default("OPENBLAS_NUM_THREADS", "1");
  if (has_skylake_vectors()) changed |= set_default("OPENBLAS_CORETYPE", "SKYLAKEX");
  changed |= soften_affinity();
  if (!changed) return;
  allow_first_cores();
  // By its own name, which is what ps and top show; by the kernel's where the file was replaced meanwhile.
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length > 0) {
    path[length] = '\0';
    execv(path, argv);
  }
  execv("/proc/self/exe", argv);  // returns only where it fails; then we run as we are, only slower
}

}  // namespace gemring
