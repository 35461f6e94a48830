// Steps that may fail on one rank alone: all ranks learn of it and fail alike, so that nobody waits for the lost one.
#pragma once

#include <functional>
#include <string>

#include "distributed/comm/communicator.h"
#include "engine/base/error.h"

namespace gemring {

/// An error that every member throws alike. Rank 0 alone prints it; all exit with its code.
class AgreedError : public Error {
 public:
  AgreedError(ExitCode code, ErrorText text, RankId rank, std::string host)
      : Error(code, std::move(text)), rank_(rank), host_(std::move(host)) {}
  RankId rank() const { return rank_; }  // where it happened
  const std::string& host() const { return host_; }

 private:
  RankId rank_;
  std::string host_;
};

/// Every member runs its step and calls this in the same place; the step itself must not communicate inside `group`.
/// Where one or more throw, every member throws the error of the lowest failing one as AgreedError. An exception that
/// is no Error becomes ExitCode::internal. An AgreedError from a step keeps its rank and host.
void agree_on_errors(Communicator& group, const std::function<void()>& step);

}  // namespace gemring
