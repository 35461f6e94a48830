#include "launch/serve/service_queue.h"

#include <algorithm>
#include <utility>

namespace gemring {

bool ServiceQueue::put(GenerationRequest request) {
  const MutexLock held(mutex_);
  if (closed_) return false;
  waiting_.push_back(std::move(request));
  if (wake_) wake_();
  return true;
}

bool ServiceQueue::take_back(const CancelHandle& handle) {
  const MutexLock held(mutex_);
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const GenerationRequest& request) { return request.cancel.get() == &handle; });
  if (found == waiting_.end()) return false;
  waiting_.erase(found);
  return true;
}

void ServiceQueue::close() {
  const MutexLock held(mutex_);
  closed_ = true;
  if (wake_) wake_();
}

std::size_t ServiceQueue::size() const {
  const MutexLock held(mutex_);
  return waiting_.size();
}

std::optional<GenerationRequest> ServiceQueue::next() {
  const MutexLock held(mutex_);
  if (waiting_.empty()) return std::nullopt;
  GenerationRequest request = std::move(waiting_.front());
  waiting_.pop_front();
  return request;
}

bool ServiceQueue::ended() {
  const MutexLock held(mutex_);
  return closed_ && waiting_.empty();
}

void ServiceQueue::wake_with(std::function<void()> wake) {
  const MutexLock held(mutex_);
  wake_ = std::move(wake);
}

}  // namespace gemring
