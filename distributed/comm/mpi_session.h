// MPI from start to end of the process.
#pragma once

#include <memory>

#include "distributed/comm/communicator.h"

namespace gemring {

/// True where mpirun, srun or another launcher started this process as a rank of a job.
bool started_by_launcher();

/// MPI_Init_thread ... MPI_Finalize. Make one at the start of main where started_by_launcher(). All communicators must
/// be gone before it is. Destroyed by a passing exception it does not finalize, for peers may never come: the process
/// must then end with a code that is not 0 (or abort_job), and the launcher ends the others.
///
/// Several threads of a rank call MPI, one at a time, so it must offer MPI_THREAD_SERIALIZED.
class MpiSession {
 public:
  MpiSession(int& argc, char**& argv);  // throws PeerError where MPI does not start, or offers less
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  std::unique_ptr<Communicator> world();  // all ranks of the job; every call gives the same channel, so call it once
  static const char* library_version();   // works before initialisation too

  /// Ends every rank of the job, whether or not MPI runs, from any thread, whatever the others do: one may be inside of
  /// MPI and not come back. Where MPI does not end this process in five seconds, it ends by itself, and the launcher
  /// ends the others. Prints nothing itself.
  [[noreturn]] static void abort_job(int exit_code);

 private:
  int exceptions_at_start_;
};

/// This process ends with this code in five seconds, whatever its threads do until then: for those who have something
/// to say first, which may not come through.
void exit_soon(int exit_code);

/// True for the first caller among the ranks of this node, false for every later one: so that a failure that strikes
/// all ranks at once (a file that shrinks under its mapping) is reported once. Async-signal-safe. True without a
/// launcher.
bool claim_failure_report() noexcept;

}  // namespace gemring
