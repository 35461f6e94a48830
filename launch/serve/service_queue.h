// Requests that were accepted and not yet taken up, oldest first: the service's side of RequestSource.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "distributed/session/request_source.h"
#include "engine/base/mutex.h"

namespace gemring {

class ServiceQueue : public RequestSource {
 public:
  /// Requires: `request` can be cancelled. False where nothing is taken any more.
  bool put(GenerationRequest request) GEMRING_EXCLUDES(mutex_);

  /// Takes a request out that nobody has taken up yet; false where somebody has.
  bool take_back(const CancelHandle& handle) GEMRING_EXCLUDES(mutex_);

  /// Nothing is taken any more; the source ends when what is here has been taken up.
  void close() GEMRING_EXCLUDES(mutex_);

  std::size_t size() const GEMRING_EXCLUDES(mutex_);

  std::optional<GenerationRequest> next() override GEMRING_EXCLUDES(mutex_);
  bool ended() override GEMRING_EXCLUDES(mutex_);
  void wake_with(std::function<void()> wake) override GEMRING_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::deque<GenerationRequest> waiting_ GEMRING_GUARDED_BY(mutex_);
  bool closed_ GEMRING_GUARDED_BY(mutex_) = false;
  std::function<void()> wake_ GEMRING_GUARDED_BY(mutex_);
};

}  // namespace gemring
