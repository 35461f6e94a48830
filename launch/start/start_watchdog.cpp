#include "launch/start/start_watchdog.h"

#include "launch/start/failure.h"

namespace gemring {
namespace {

bool computes(Command command) {
  return command == Command::generate || command == Command::logits || command == Command::bench ||
         command == Command::calibrate || command == Command::eval || command == Command::index ||
         command == Command::ask || command == Command::chat || command == Command::serve;
}

}  // namespace

std::unique_ptr<Watchdog> start_watchdog(const Job& job, const Options& options) {
  if (!computes(options.command)) return nullptr;
  return std::make_unique<Watchdog>(job.world,
                                    WatchdogOptions{.timeout = static_cast<double>(options.run.stall_timeout),
                                                    .hosts = job.hosts,
                                                    .on_failure = [hosts = job.hosts](RankId rank, const Error& error) {
                                                      end_job(error, rank, hosts.at(rank.index()));
                                                    }});
}

}  // namespace gemring
