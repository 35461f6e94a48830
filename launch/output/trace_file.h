// `--trace FILE`: what every rank did when, in Chrome's trace format (chrome://tracing, ui.perfetto.dev).
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "engine/base/trace.h"
#include "launch/start/job.h"

namespace gemring {

/// One event per phase and span, pid = rank, times in microseconds since start(). "otherData" and the log say for each
/// rank and phase (all runs of it together) the shares of matrix products, attention, waiting and the rest.
class TraceFile {
 public:
  /// Without a path every call does nothing. most_spans: that a rank keeps.
  TraceFile(const Job& job, std::optional<std::string> path, std::size_t most_spans = Trace::kMostSpans);

  /// Collective: recording begins, unless it has. Not before require_writable() and what is not to be in the trace.
  void start();

  /// Collective: recording ends; rank 0 writes, one rank after the other. Throws AgreedError (resources).
  void write();

 private:
  const Job& job_;
  std::optional<std::string> path_;
  std::size_t most_spans_;
  std::optional<Trace> trace_;
};

}  // namespace gemring
