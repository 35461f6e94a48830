// What rank 0 asks of all ranks, one after the other, and how they learn of it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/pipeline/stage.h"
#include "distributed/plan/cluster_plan.h"
#include "engine/base/mutex.h"
#include "engine/selection/selection.h"

namespace gemring {

/// Every rank gets every work and takes them in the same order; where it has no part in one, it goes on to the next.
struct Work {
  enum class Kind : std::uint8_t {
    filter,   // first pass of `sequence`, a prompt of `prompt_tokens`
    prefill,  // of `sequence`: `compressed`, as `options` say
    decode,   // of `rows`
    end,      // of all requests
  };
  Kind kind = Kind::end;
  SequenceId sequence = 0;
  std::int32_t prompt_tokens = 0;
  SequenceOptions options = {};
  CompressedPrompt compressed = {};
  std::vector<DecodeRow> rows = {};
  std::vector<SequenceId> finished = {};  // their caches are freed before the work begins
};

/// What else rank 0's own part needs.
struct OwnWork {
  Work work = {};
  std::shared_ptr<const struct GenerationRequest> request = nullptr;  // of a filter or prefill
  std::span<float> logits = {};                                       // where those go that rank 0 computes itself
  std::uint64_t step = 0;                                             // how to say that they are there; 0: nobody asks
};

/// Rank 0's works for itself: from the thread that plans them to the one that computes.
class OwnWorkQueue {
 public:
  void put(OwnWork work);
  /// Waits for the next one; adds the seconds to `waited`.
  OwnWork take(double& waited);

 private:
  Mutex mutex_;
  CondVar filled_;
  std::deque<OwnWork> works_ GEMRING_GUARDED_BY(mutex_);
};

/// Rank 0's works for the others: a broadcast along a tree, beside which rank 0 goes on. What a prompt was compressed to
/// goes only to the ranks of the first stage, which read it.
class WorkAnnouncer {
 public:
  /// With the other ranks' WorkReceivers, at the same time.
  WorkAnnouncer(Communicator& world, const ClusterPlan& plan);

  /// BEFORE  rank 0: W   rank 1: -   rank 2: -
  /// AFTER   rank 0: W   rank 1: W   rank 2: W
  void announce(const Work& work);

 private:
  std::unique_ptr<Broadcast> works_;
  std::vector<MemberRange> readers_;  // of compressed prompts
};

/// On every rank but 0.
class WorkReceiver {
 public:
  explicit WorkReceiver(Communicator& world) : works_(world.broadcast_stream()) {}

  /// The next one, for which it waits.
  Work next();

 private:
  std::unique_ptr<Broadcast> works_;
};

}  // namespace gemring
