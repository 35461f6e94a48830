// The fastest plan that fits, found among the sensible ones. Pure.
#pragma once

#include <string>
#include <vector>

#include "distributed/plan/prediction.h"

namespace gemring {

/// What all candidates share.
struct SearchInputs {
  PlanInputs inputs;  // threads_per_rank is each candidate's own
  Method method = Method::gemfilter;
  MachinesSpec machines;
  std::string file;  // of the machines, for errors
  PredictionOptions options;
};

/// A plan with the machines it runs on, and what it takes.
struct PlannedRun {
  ClusterSpec spec;  // groups as a cluster file says them, for any number of ranks
  std::int32_t ranks_per_host = 1;
  std::int32_t threads = 1;  // of each rank
  Machines machines;
  ClusterPlan plan;
  PlanInputs inputs;
  std::vector<RankCost> costs;
  Prediction prediction;
  bool fits = true;

  double seconds() const { return prediction.total(inputs.max_new_tokens); }
  std::uint64_t peak_bytes() const;
};

/// The plan of one cluster file on so many ranks, balanced by speed and memory, with its prediction. Hosts as
/// `machines` says them, or, with `wishes`, filled in order. Throws ConfigError as resolve().
PlannedRun plan_run(const SearchInputs& search, const ClusterSpec& spec, int ranks, const MachineWishes& wishes);

/// What each rank's host has, by Machines: memory that is not known counts as enough.
std::vector<HostMemory> host_memory(const Machines& machines);

/// The fastest of: filter groups of 1, 2, 4, ... and all ranks; all ranks cut into 1, 2, 4, ... and one stage per rank,
/// or all but the first into one per rank, or one stage of the first 1, 2, 4, ... ranks; with each of `wishes`, whose
/// hosts may hold other numbers of ranks. Filter pass and prefill do not touch each other, so filter groups are
/// tried with one division of the stages, then divisions with the best of them. Plans that do not fit come last; among
/// these the smallest.
PlannedRun recommend(const SearchInputs& search, int ranks, const std::vector<MachineWishes>& wishes);

/// Ranks of a host worth trying: 1, 2, 4, ... up to its cores, each with the threads that fill it, and `current`.
std::vector<MachineWishes> rank_and_thread_wishes(const MachinesSpec& machines);

/// "filter 0-7; stages 2 of 4 ranks".
std::string describe_shape(const PlannedRun& run);

}  // namespace gemring
