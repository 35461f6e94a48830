// The watchdog over ranks that hang, as the program uses it: one message, then the job's end.
#pragma once

#include <memory>

#include "distributed/comm/watchdog.h"
#include "launch/options/options.h"
#include "launch/start/job.h"

namespace gemring {

/// Watches from here until the result is destroyed; nullptr for commands that do not compute. Every rank calls it.
std::unique_ptr<Watchdog> start_watchdog(const Job& job, const Options& options);

}  // namespace gemring
