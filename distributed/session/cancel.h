// How a request that was given away is ended early.
#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include "engine/base/mutex.h"

namespace gemring {

/// Shared by whoever may cancel a request and by the run it is in. Any thread may call any of it at any time: before
/// the request was taken up, in each of its phases, behind its end (then it changes nothing).
class CancelHandle {
 public:
  /// The request ends as soon as the steps of it that are under way have: at most a few layers of a filter pass, a few
  /// chunks of a prefill, or a token. Its result comes with StopReason::cancelled and the tokens so far.
  void cancel() GEMRING_EXCLUDES(mutex_) {
    cancelled_.store(true, std::memory_order_release);
    const MutexLock held(mutex_);
    if (wake_) wake_();
  }
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

  /// Of the run: `wake` is called by cancel() from here on; not any more once this returns from taking an empty one.
  void wake_with(std::function<void()> wake) GEMRING_EXCLUDES(mutex_) {
    const MutexLock held(mutex_);
    wake_ = std::move(wake);
  }

 private:
  std::atomic<bool> cancelled_ = false;
  Mutex mutex_;
  std::function<void()> wake_ GEMRING_GUARDED_BY(mutex_);
};

}  // namespace gemring
