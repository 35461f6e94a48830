#include "distributed/comm/mpi_session.h"

#include <mpi.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <thread>

#include "distributed/comm/mpi_check.h"
#include "distributed/comm/mpi_communicator.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/log.h"

namespace gemring {
namespace {

using detail::check_mpi;

/// 0 until the first failure of this node is reported; in memory that all ranks of the node share. Signal handlers use
/// it, so it must be lock-free.
using FailureClaim = std::atomic<int>;
static_assert(FailureClaim::is_always_lock_free && sizeof(FailureClaim) == sizeof(int));

std::atomic<FailureClaim*> failure_claim = nullptr;
MPI_Win failure_window = MPI_WIN_NULL;

const char* name_of(int thread_level) {
  return thread_level == MPI_THREAD_FUNNELED ? "MPI_THREAD_FUNNELED" : "MPI_THREAD_SINGLE";
}

/// Whoever has the lock longer than that is in a call that does not come back.
bool lock_mpi_within(double seconds) GEMRING_TRY_ACQUIRE(true, detail::mpi_mutex) {
  for (const double begin = steady_seconds(); steady_seconds() - begin < seconds;) {
    if (detail::mpi_mutex.try_lock()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return detail::mpi_mutex.try_lock();
}

/// The lock is kept: nobody calls MPI behind this. Who holds it for long may never give it back, so then it is done
/// without.
void abort_mpi(int exit_code) GEMRING_UNCHECKED_LOCKS {
  lock_mpi_within(1);
  MPI_Abort(MPI_COMM_WORLD, exit_code);
}

void share_failure_claim() {
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node), "MPI_Comm_split_type");
  int rank = 0;
  void* memory = nullptr;
  MPI_Comm_rank(node, &rank);
  const MPI_Aint own_bytes = rank == 0 ? sizeof(FailureClaim) : 0;
  int code = MPI_Win_allocate_shared(own_bytes, 1, MPI_INFO_NULL, node, &memory, &failure_window);
  if (code == MPI_SUCCESS) {
    MPI_Aint bytes = 0;
    int unit = 0;
    code = MPI_Win_shared_query(failure_window, 0, &bytes, &unit, &memory);
  }
  if (code == MPI_SUCCESS) {
    if (rank == 0) new (memory) FailureClaim(0);
    code = MPI_Barrier(node);
    failure_claim = static_cast<FailureClaim*>(memory);
  } else {
    log_debug("no memory shared by the ranks of this node; a failure of all of them is reported by each");
  }
  MPI_Comm_free(&node);
}

}  // namespace

bool started_by_launcher() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"}) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

MpiSession::MpiSession(int& argc, char**& argv) : exceptions_at_start_(std::uncaught_exceptions()) {
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  prctl(PR_SET_TIMERSLACK, 1000UL);  // the kernel's default of 50 us would stretch the waits' short sleeps tenfold
  share_failure_claim();
  if (provided < MPI_THREAD_SERIALIZED) {
    throw PeerError({.where = "MPI_Init_thread",
                     .problem = fmt::format("this MPI offers {}, and gemring needs MPI_THREAD_SERIALIZED: several "
                                            "threads of a rank send and receive, one at a time",
                                            name_of(provided)),
                     .advice = "use an MPI that is built with support of threads (Open MPI and MPICH are by default)"});
  }
}

MpiSession::~MpiSession() {
  failure_claim = nullptr;
  if (std::uncaught_exceptions() > exceptions_at_start_) return;
  if (failure_window != MPI_WIN_NULL) MPI_Win_free(&failure_window);
  MPI_Finalize();
}

std::unique_ptr<Communicator> MpiSession::world() {
  auto channel = std::make_shared<detail::MpiChannel>();
  int size = 0;
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size), "MPI_Comm_size");
  std::vector<RankId> ranks;
  ranks.reserve(static_cast<std::size_t>(size));
  for (int rank = 0; rank < size; ++rank) ranks.emplace_back(rank);
  return detail::mpi_communicator(MPI_COMM_WORLD, false, std::move(ranks), std::move(channel));
}

const char* MpiSession::library_version() {
  static const auto version = [] {
    std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text = {};
    int length = 0;
    MPI_Get_library_version(text.data(), &length);
    return text;
  }();
  return version.data();
}

void MpiSession::abort_job(int exit_code) {
  exit_soon(exit_code);
  int initialized = 0;
  int finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (initialized != 0 && finalized == 0) abort_mpi(exit_code);
  _exit(exit_code);
}

void exit_soon(int exit_code) {
  std::thread([exit_code] {
    std::this_thread::sleep_for(std::chrono::seconds(5));
    _exit(exit_code);
  }).detach();
}

bool claim_failure_report() noexcept {
  FailureClaim* claim = failure_claim;
  return claim == nullptr || claim->exchange(1) == 0;
}

}  // namespace gemring
