// A run of one request. Header only.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "distributed/session/request_source.h"

namespace gemring {

class OneRequest final : public RequestSource {
 public:
  explicit OneRequest(GenerationRequest request) : request_(std::move(request)) {}
  std::optional<GenerationRequest> next() override { return std::exchange(request_, std::nullopt); }
  bool ended() override { return !request_; }
  void wake_with(std::function<void()> /*wake*/) override {}

 private:
  std::optional<GenerationRequest> request_;
};

}  // namespace gemring
