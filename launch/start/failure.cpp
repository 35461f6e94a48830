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

Error as_error(const std::exception& error) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) return *known;
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return ResourceError({"memory", "the system has no more memory for this process",
                          "use more ranks on other machines, a shorter prompt, or --kv-type bf16"});
  }
  return Error(ExitCode::internal,
               {"internal error", error.what(), "this is a bug, please report it with the command line"});
}

}  // namespace gemring
