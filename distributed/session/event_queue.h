// Tokens and results on their way from the coordinator to whoever wants them.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>

#include "distributed/session/request.h"
#include "engine/base/mutex.h"

namespace gemring {

/// Something that happened to a request.
struct Event {
  struct Progress {
    std::string_view phase;  // of a literal
    double done = 0, total = 0;
  };
  std::shared_ptr<const GenerationRequest> request;
  std::variant<TokenId, Progress, GenerationResult> what;
};

/// Bounded, and yet push() never waits: what is in flight may always say what it has to say. The bound is kept by who
/// begins requests, and asks has_room() first: while the queue is full no new request is begun, and none is cancelled.
/// So it holds at most `capacity` events and those that the requests in flight still have (their tokens and their
/// ends).
class EventQueue {
 public:
  explicit EventQueue(std::size_t capacity) : capacity_(capacity) {}

  void push(Event event) GEMRING_EXCLUDES(mutex_);
  /// The same of Event::Progress; takes the place of one that nobody has taken yet.
  void show(Event progress) GEMRING_EXCLUDES(mutex_);

  bool has_room() const GEMRING_EXCLUDES(mutex_);
  /// `wake` is called, by the thread that takes, when has_room() becomes true again; not any more once this returns
  /// from taking an empty one.
  void wake_with(std::function<void()> wake) GEMRING_EXCLUDES(mutex_);

  /// Waits for the oldest event; nothing where the queue is closed and empty.
  std::optional<Event> take() GEMRING_EXCLUDES(mutex_);

  /// No event comes any more. `drop`: those that wait are forgotten.
  void close(bool drop) GEMRING_EXCLUDES(mutex_);

 private:
  std::size_t capacity_;
  mutable Mutex mutex_;
  CondVar filled_;
  std::deque<Event> events_ GEMRING_GUARDED_BY(mutex_);
  std::optional<Event> progress_ GEMRING_GUARDED_BY(mutex_);
  bool closed_ GEMRING_GUARDED_BY(mutex_) = false;
  std::function<void()> wake_ GEMRING_GUARDED_BY(mutex_);
};

}  // namespace gemring
