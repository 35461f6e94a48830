#include "distributed/session/local_queue.h"

#include <utility>

#include "engine/base/clock.h"
#include "engine/base/place.h"
#include "engine/base/trace.h"

namespace gemring {

void LocalQueue::put(LocalStep step) {
  {
    const MutexLock held(mutex_);
    if (closed_) return;
    steps_.push_back(std::move(step));
  }
  filled_.notify_one();
}

void LocalQueue::close() {
  {
    const MutexLock held(mutex_);
    closed_ = true;
    steps_.clear();
  }
  filled_.notify_one();
}

LocalStep LocalQueue::take(double& waited) {
  const TraceSpan span("wait for work", SpanKind::wait);
  const WaitMark waiting(kOwnCoordinator);
  const double start = steady_seconds();
  const MutexLock held(mutex_);
  while (!closed_ && steps_.empty()) filled_.wait(mutex_);
  waited += steady_seconds() - start;
  if (closed_) throw RunFailed();
  LocalStep step = std::move(steps_.front());
  steps_.pop_front();
  return step;
}

}  // namespace gemring
