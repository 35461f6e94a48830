// What rank 0 asks of all ranks, one after the other, and how they learn of it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/pipeline/stage.h"
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
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<OwnWork> works_;
};

/// Rank 0's works for the others: messages that leave while rank 0 goes on.
class WorkAnnouncer {
 public:
  explicit WorkAnnouncer(Communicator& world) : world_(world) {}

  /// BEFORE  rank 0: W   rank 1: -   rank 2: -
  /// AFTER   rank 0: W   rank 1: W   rank 2: W
  void announce(const Work& work);

  /// Forgets what has left. `all`: waits for it.
  void tidy(bool all);

 private:
  struct Letter {
    std::uint64_t size = 0;
    std::string archive;
    std::vector<Transfer> transfers;  // before what they send goes
  };
  Communicator& world_;
  std::list<Letter> letters_;
};

/// On every rank but 0: the next one.
Work receive_work(Communicator& world);

}  // namespace gemring
