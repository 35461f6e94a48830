#include "distributed/session/event_queue.h"

#include <utility>

namespace gemring {

void EventQueue::push(Event event) {
  {
    const MutexLock held(mutex_);
    if (closed_) return;
    events_.push_back(std::move(event));
  }
  filled_.notify_one();
}

void EventQueue::show(Event progress) {
  {
    const MutexLock held(mutex_);
    if (closed_) return;
    progress_ = std::move(progress);
  }
  filled_.notify_one();
}

bool EventQueue::has_room() const {
  const MutexLock held(mutex_);
  return events_.size() < capacity_;
}

void EventQueue::wake_with(std::function<void()> wake) {
  const MutexLock held(mutex_);
  wake_ = std::move(wake);
}

std::optional<Event> EventQueue::take() {
  const MutexLock held(mutex_);
  while (!closed_ && events_.empty() && !progress_) filled_.wait(mutex_);
  if (progress_) return std::exchange(progress_, std::nullopt);
  if (events_.empty()) return std::nullopt;
  std::optional<Event> event(std::move(events_.front()));
  events_.pop_front();
  if (events_.size() + 1 == capacity_ && wake_) wake_();
  return event;
}

void EventQueue::close(bool drop) {
  {
    const MutexLock held(mutex_);
    closed_ = true;
    if (drop) {
      events_.clear();
      progress_.reset();
    }
  }
  filled_.notify_all();
}

}  // namespace gemring
