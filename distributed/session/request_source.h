// Where the requests of a run come from, one by one: nobody need know in advance how many there are.
#pragma once

#include <functional>
#include <optional>

#include "distributed/session/request.h"
#include "engine/base/check.h"

namespace gemring {

/// Asked on rank 0 alone, by the coordinator. What next() and ended() throw ends the run; requests in flight
/// are answered first.
class RequestSource {
 public:
  virtual ~RequestSource() = default;

  /// The next request; nothing where none is there at this moment. Must not block: other requests' tokens are due.
  virtual std::optional<GenerationRequest> next() = 0;

  /// True where there will never be another one.
  virtual bool ended() = 0;

  /// `wake` is to be called, by any thread, when next() or ended() may answer otherwise than before. It is not called
  /// any more once this returns from taking an empty one.
  virtual void wake_with(std::function<void()> wake) = 0;
};

/// The source on every rank but 0, where nobody asks.
class NoRequests final : public RequestSource {
 public:
  std::optional<GenerationRequest> next() override { throw InternalError("asked for requests on another rank than 0"); }
  bool ended() override { throw InternalError("asked for requests on another rank than 0"); }
  void wake_with(std::function<void()> /*wake*/) override {}
};

}  // namespace gemring
