// What every rank does in a run: takes the steps that rank 0 plans, one after the other, and does its part of each.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "distributed/comm/communicator.h"
#include "distributed/pipeline/stage.h"
#include "distributed/plan/cluster_plan.h"
#include "distributed/session/coordinator.h"
#include "distributed/session/filter_pass.h"
#include "distributed/session/model_parts.h"
#include "distributed/session/phase_clock.h"
#include "distributed/session/step_broadcast.h"

namespace gemring {

/// A rank's groups and weights. The caller's, outlives the run.
struct RankParts {
  Communicator& world;
  Communicator* filter_group = nullptr;  // nullptr on a rank that does not filter
  Communicator* stage_group = nullptr;   // nullptr on a rank without a stage
  const ClusterPlan& plan;
  const FilterProfile& filter;
  const ModelConfig& filter_config;
  const ModelConfig& config;  // of the stages
  const ModelParts& model;
  const ComputeOptions& options;
};

class Worker {
 public:
  /// sequences: in the stages at a time. `coordinator` and `events`: on rank 0, elsewhere nullptr. The caller's.
  Worker(const RankParts& rank, std::int32_t sequences, Coordinator* coordinator, EventQueue* events,
         PhaseClock& clock);

  /// Until the step that ends the run.
  void run();

 private:
  LocalStep next();
  void expect_next();  // posts the receive of the step behind the one at hand, where that is known
  void expect(const Step& step);
  void filter(const LocalStep& local);
  FilterOutcome select(const GenerationRequest& request, std::vector<float> scores) const;
  void store(const LocalStep& local);
  void restore(const LocalStep& local);
  void prefill(LocalStep& local);
  void decode(LocalStep& local);
  void release(SequenceId sequence);
  void report(const LocalStep& local);
  void show(const LocalStep& local, std::string_view phase, double done, double total);

  RankParts rank_;
  Coordinator* coordinator_;
  EventQueue* events_;
  PhaseClock& clock_;
  std::optional<StepReceiver> receiver_;  // on every rank but 0
  FilterParts filter_parts_;              // on a rank that filters, as what follows
  ComputeOptions filter_options_;
  std::map<SequenceId, std::unique_ptr<FilterPass>> passes_;  // at most two
  std::map<std::uint64_t, KeptReading> readings_;             // by the number that rank 0 gave them
  std::optional<Stage> stage_;
};

}  // namespace gemring
