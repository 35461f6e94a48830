#include "launch/start/watch_over.h"

#include <unistd.h>

#include <chrono>
#include <thread>

#include "distributed/comm/mpi_session.h"
#include "engine/base/log.h"
#include "launch/start/failure.h"

namespace gemring {
namespace {

bool computes(Command command) {
  return command == Command::generate || command == Command::logits || command == Command::bench;
}

void end_job(Communicator& world, RankId rank, const std::string& host, const ErrorText& text) {
  using std::chrono::seconds;
  constexpr int kCode = static_cast<int>(ExitCode::peer);
  // Whatever hangs may hold up the message or MPI's own end too; the launcher ends the others when this one is gone.
  std::thread([] {
    std::this_thread::sleep_for(seconds(5));
    _exit(kCode);
  }).detach();
  if (claim_failure_report())
    log_raw(failure_message(ExitCode::peer, text, rank, host));
  else
    std::this_thread::sleep_for(seconds(1));  // who reports ends the job
  world.abort(kCode);
}

}  // namespace

std::unique_ptr<Watchdog> watch_over(const Job& job, const Options& options) {
  if (!computes(options.command)) return nullptr;
  Communicator& world = job.world;
  return std::make_unique<Watchdog>(
      world, WatchdogOptions{.timeout = static_cast<double>(options.run.stall_timeout),
                             .hosts = job.hosts,
                             .on_stall = [&world, hosts = job.hosts](RankId rank, const ErrorText& text) {
                               end_job(world, rank, hosts.at(rank.index()), text);
                             }});
}

}  // namespace gemring
