// Heartbeats: what ranks say of themselves, small messages of fixed size that overtake all others.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <type_traits>

#include "engine/base/place.h"

namespace gemring {

/// What a rank says of itself every now and then.
struct Heartbeat {
  Place place;
  float still_seconds = 0;  // since its last progress
  bool shutdown = false;    // this rank's last one: it is done
};
static_assert(std::is_trivially_copyable_v<Heartbeat>);

class HeartbeatLink {
 public:
  virtual ~HeartbeatLink() = default;
  virtual int member() const = 0;
  virtual int size() const = 0;

  /// Sends `own` to each of `to`, except where the one before it has not left yet, and takes what has arrived; in turn
  /// for each pair of ranks. Waits for nobody: false, and nothing done, where another thread is inside of MPI for long.
  using Take = std::function<void(int from, const Heartbeat& heartbeat)>;
  virtual bool exchange(const Heartbeat& own, std::span<const int> to, const Take& take) = 0;

  /// Whether tensors are under way to or from this rank, behind which its heartbeats may have to wait.
  virtual bool behind_data(int other) = 0;

  /// Bytes that came in and went out for other ranks so far: they say nothing of this rank's own progress.
  virtual std::uint64_t forwarded_bytes() const = 0;

  /// Whether all heartbeats so far have left.
  virtual bool all_left() = 0;
};

}  // namespace gemring
