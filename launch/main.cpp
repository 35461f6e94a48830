// gemring: prepares the process, starts MPI where a launcher started us, runs the command, reports the one error.
#include <csignal>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "distributed/comm/agreement.h"
#include "distributed/comm/communicator.h"
#include "distributed/comm/mpi_session.h"
#include "engine/base/log.h"
#include "engine/base/process.h"
#include "engine/weights/mapping.h"
#include "launch/commands/commands.h"
#include "launch/options/environment.h"
#include "launch/output/text_output.h"
#include "launch/start/failure.h"
#include "launch/start/prepare_process.h"
#include "launch/start/start_up.h"
#include "launch/start/start_watchdog.h"
#include "launch/start/version.h"

namespace {

using namespace gemring;

int run_line(const Job& job, const ParsedCommandLine& line) {
  if (line.kind == ParsedCommandLine::Kind::run) return run_command(job, line.options);
  agreed_on_first(job, [&] { write_result(line.kind == ParsedCommandLine::Kind::text ? line.text : version_text()); });
  return 0;
}

/// Every rank returns the same code, or the job is aborted with it.
int run_job(Communicator& world, const std::vector<std::string>& arguments, std::vector<std::string> environment) {
  const RankId rank = world.world_rank(world.member());
  std::unique_ptr<Watchdog> watchdog;  // also over the end of a job whose ranks agree on a failure
  try {
    const Job job = join_job(world, arguments, std::move(environment));
    install_mapping_fault_handler({fmt::format("rank {} on {}", rank.value(), job.host()), claim_failure_report});
    const ParsedCommandLine line = agree_on_options(job, arguments);
    if (line.kind == ParsedCommandLine::Kind::run) watchdog = start_watchdog(job, line.options);
    return run_line(job, line);
  } catch (const AgreedError& error) {
    if (world.member() == 0) log_raw(failure_message(error.code(), error.text(), error.rank(), error.host()));
    return static_cast<int>(error.code());
  } catch (const std::exception& exception) {
    end_job(as_error(exception), rank, host_name());
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGUSR1, SIG_IGN);  // asked where it is before the watchdog can answer; the default ends the process
  prepare_process(argv);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  std::vector<std::string> environment = process_environment();  // before MPI adds to it
  if (!started_by_launcher()) {
    const auto world = one_rank_communicator();
    return run_job(*world, arguments, std::move(environment));
  }
  try {
    MpiSession mpi(argc, argv);
    const auto world = mpi.world();
    return run_job(*world, arguments, std::move(environment));
  } catch (const std::exception& exception) {  // MPI did not start
    end_job(as_error(exception), RankId(0), host_name());
  }
}
