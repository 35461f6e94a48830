// The thread that tells requests' callers what happened.
#pragma once

#include <exception>
#include <functional>
#include <thread>

#include "distributed/session/event_queue.h"
#include "engine/base/mutex.h"

namespace gemring {

/// Calls the callbacks of requests, event after event, for as long as each takes: a reader of the results that stops
/// reading holds up this thread, and no other one.
class Delivery {
 public:
  /// Both are the caller's and outlive this. `failed` is called once, on this thread, where a callback throws; the
  /// queue is closed then and the rest is dropped.
  Delivery(EventQueue& events, std::function<void()> failed);
  ~Delivery();  // drops what is not delivered
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  /// Waits until all is delivered. Throws what a callback threw.
  void finish();

 private:
  void run();

  EventQueue& events_;
  std::function<void()> failed_;
  std::exception_ptr failure_;  // of the thread, until it is joined
  std::thread thread_;          // last: it uses all the others
};

}  // namespace gemring
