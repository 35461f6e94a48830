// The traces of all ranks on rank 0, one after the other: the memory of one is enough.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "distributed/comm/communicator.h"
#include "engine/base/trace.h"

namespace gemring {

/// A span as it travels; the fields are those of SpanRecord.
struct RankSpan {
  std::int64_t begin = 0;
  std::int64_t duration = 0;
  std::int64_t amount = 0;
  std::int32_t layer = -1;
  std::uint16_t name = 0;  // index into RankTrace::names
  SpanKind kind = SpanKind::other;
};

struct RankTrace {
  RankId rank;
  std::string host;
  std::vector<PhaseRecord> phases;
  std::vector<std::string> names;
  std::vector<RankSpan> spans;
  std::uint64_t dropped = 0;
};

/// Collective: starts every rank's trace at the same moment, to some tens of microseconds.
void start_traces(Communicator& world, Trace& trace);

/// Collective: stops the traces and calls `take` on rank 0 for every rank in order. `take` must not throw: the others
/// wait for their turn.
void gather_traces(Communicator& world, Trace& trace, const std::function<void(const RankTrace&)>& take);

}  // namespace gemring
