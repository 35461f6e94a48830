#include "launch/start/failure.h"

#include <fmt/format.h>

#include <chrono>
#include <new>
#include <thread>

#include "distributed/comm/mpi_session.h"
#include "engine/base/log.h"

namespace gemring {

std::string failure_message(ExitCode code, const ErrorText& text, RankId rank, const std::string& host) {
  const std::string place = fmt::format("(rank {} on {}, exit {})", rank.value(), host, static_cast<int>(code));
  return fmt::format("gemring: {}: {}\n  {}{}\n", text.where, text.problem,
                     text.advice.empty() ? "" : text.advice + "      ", place);
}

void end_job(const Error& error, RankId rank, const std::string& host) {
  const int code = static_cast<int>(error.code());
  exit_soon(code);  // what hangs may hold up the message too
  if (claim_failure_report())
    log_raw(failure_message(error.code(), error.text(), rank, host));
  else
    std::this_thread::sleep_for(std::chrono::seconds(1));  // who reports ends the job
  MpiSession::abort_job(code);
}

}  // namespace gemring
