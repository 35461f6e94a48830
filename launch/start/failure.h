// The one message of an error that ends the program, and its exit code.
#pragma once

#include <string>

#include "engine/base/error.h"
#include "engine/base/types.h"

namespace gemring {

/// gemring: WHERE: PROBLEM
///   ADVICE      (rank 2 on node17, exit 4)
std::string failure_message(ExitCode code, const ErrorText& text, RankId rank, const std::string& host);

/// Says the message once for all ranks of the host that fail at the same time, and ends the job with the error's code,
/// in some seconds whatever hangs. From any thread.
[[noreturn]] void end_job(const Error& error, RankId rank, const std::string& host);

}  // namespace gemring
