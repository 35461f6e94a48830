// What the threads of this job do, measured: limits, layers of a model's shape, attention, memory.
#pragma once

#include <memory>
#include <vector>

#include "distributed/plan/machines.h"
#include "engine/model/config.h"
#include "launch/start/job.h"

namespace gemring {

/// What the layers look like that are timed.
struct ProbeShape {
  ModelConfig config;
  std::vector<DataType> weights;  // stored types of the layers, one or two
  DataType kv_type = DataType::bf16;
};

/// Who measures at a time.
enum class ProbeMode {
  together,  // every rank with all its threads
  alone,     // the first rank of each host; where it is the only one, with one thread
};

/// Rates of one thread of this rank (empty where it does not take part). Collective: every rank calls it; all begin
/// each measurement together, and what would end behind `deadline` (steady_seconds) is left out on all ranks alike.
class RateProbe {
 public:
  /// `local`: this rank's number among those of its host; `local_ranks`: how many these are.
  RateProbe(const Job& job, const ProbeShape& shape, int local, int local_ranks);
  ~RateProbe();

  ThreadRates measure(ProbeMode mode, double deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gemring
