// Rank 0's steps for itself: from the coordinator to the thread that computes.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <span>

#include "distributed/session/request.h"
#include "distributed/session/step.h"
#include "engine/base/mutex.h"

namespace gemring {

/// A step, and what else rank 0's own part of it needs.
struct LocalStep {
  Step step = {};
  std::shared_ptr<const GenerationRequest> request = nullptr;  // of a filter or prefill step
  std::span<float> logits = {};                                // where those go that rank 0 computes itself
  bool reports = false;                                        // the coordinator waits for rank 0's own part
};

/// Ends rank 0's own part of a run that failed elsewhere on it; who runs it knows why.
struct RunFailed : std::exception {
  const char* what() const noexcept override { return "the run has failed"; }
};

class LocalQueue {
 public:
  void put(LocalStep step) GEMRING_EXCLUDES(mutex_);

  /// What is there is dropped, and every take() throws RunFailed from here on: nothing that waits in the queue delays
  /// the end of a run that has failed.
  void close() GEMRING_EXCLUDES(mutex_);

  /// Waits for the next one; adds the seconds to `waited`.
  LocalStep take(double& waited) GEMRING_EXCLUDES(mutex_);

  /// Calls `look` with the step behind those taken so far, where there is one.
  template <class Look>
  void peek(Look&& look) GEMRING_EXCLUDES(mutex_) {
    const MutexLock held(mutex_);
    if (!steps_.empty()) look(steps_.front().step);
  }

 private:
  Mutex mutex_;
  CondVar filled_;
  std::deque<LocalStep> steps_ GEMRING_GUARDED_BY(mutex_);
  bool closed_ GEMRING_GUARDED_BY(mutex_) = false;
};

}  // namespace gemring
