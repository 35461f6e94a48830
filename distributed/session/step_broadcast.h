// How ranks learn of the steps that rank 0 wants.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/cluster_plan.h"
#include "distributed/session/step.h"

namespace gemring {

/// Rank 0's side: a broadcast along a tree, beside which rank 0 goes on. Ids of a chunk go to the ranks of the first
/// stage only, which read them.
class StepBroadcaster {
 public:
  /// With the other ranks' StepReceivers, at the same time.
  StepBroadcaster(Communicator& world, const ClusterPlan& plan);

  /// BEFORE  rank 0: S   rank 1: -   rank 2: -
  /// AFTER   rank 0: S   rank 1: S   rank 2: S
  void broadcast(const Step& step);

 private:
  std::unique_ptr<Broadcast> steps_;
  std::vector<MemberRange> readers_;  // of ids
};

/// On every other rank.
class StepReceiver {
 public:
  explicit StepReceiver(Communicator& world) : steps_(world.broadcast_stream()) {}

  /// Waits for the next step.
  Step next();

  /// The step behind those taken so far, where it is there already: so that a rank may post a receive for it. Stays the
  /// next one; valid until next().
  const Step* peek();

 private:
  std::unique_ptr<Broadcast> steps_;
  std::optional<Step> ahead_;
};

}  // namespace gemring
