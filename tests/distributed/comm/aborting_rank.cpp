// Ends its job with code 6 from rank 0 while the others wait for it. The argument says what rank 0's other threads do:
// "lock": one holds the lock around MPI, as in a call that does not come back; "abort": one ends the job as well.
#include <chrono>
#include <string_view>
#include <thread>

#include "distributed/comm/mpi_channel.h"
#include "distributed/comm/mpi_session.h"

using namespace gemring;

int main(int argc, char** argv) {
  const std::string_view other = argc > 1 ? argv[1] : "";
  MpiSession session(argc, argv);
  const auto world = session.world();
  if (world->member() == 0) {
    std::thread([other, &world] {
      if (other == "abort") world->abort(6);
      const MutexLock held(detail::mpi_mutex);
      std::this_thread::sleep_for(std::chrono::minutes(5));
    }).detach();
    std::this_thread::sleep_for(std::chrono::milliseconds(other == "lock" ? 200 : 0));
    world->abort(6);
  }
  world->barrier();
}
