// What every rank does in a run: takes the works that rank 0 plans, one after the other, and does its part of each.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/pipeline/stage.h"
#include "distributed/plan/cluster_plan.h"
#include "distributed/session/coordinator.h"
#include "distributed/session/model_parts.h"
#include "distributed/session/phase_clock.h"
#include "distributed/session/session.h"
#include "distributed/session/work.h"

namespace gemring {

/// A rank's groups and weights. The caller's, outlives the run.
struct RankParts {
  Communicator& world;
  Communicator* filter_group = nullptr;  // nullptr on a rank that does not filter
  Communicator* stage_group = nullptr;   // nullptr on a rank without a stage
  const ClusterPlan& plan;
  const ModelConfig& config;
  const ModelParts& model;
  const ComputeOptions& options;
};

class Worker {
 public:
  /// sequences: in the stages at a time. `coordinator`: on rank 0, elsewhere nullptr.
  Worker(const RankParts& rank, std::int32_t sequences, Coordinator* coordinator, PhaseClock& clock);

  /// Until the work that ends the run. `prefilled`, which may be empty, learns what was kept of each sequence.
  using Prefilled = std::function<void(SequenceId, const std::vector<OriginalPosition>&)>;
  void run(const Prefilled& prefilled);

 private:
  OwnWork next();
  void filter(const OwnWork& own);
  void prefill(OwnWork& own);
  void decode(OwnWork& own);
  void say_computed(const OwnWork& own);

  RankParts rank_;
  Coordinator* coordinator_;
  std::optional<WorkReceiver> receiver_;  // on other ranks than 0
  PhaseClock& clock_;
  std::optional<Stage> stage_;
};

}  // namespace gemring
