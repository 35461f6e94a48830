#include <exception>

#include "distributed/comm/communicator.h"
#include "engine/base/log.h"

namespace gemring {

Transfer& Transfer::operator=(Transfer&& other) noexcept {
  if (this == &other) return *this;
  Transfer finished(std::move(*this));  // waits for what this one still held
  state_ = std::move(other.state_);
  owner_ = other.owner_;
  return *this;
}

Transfer::~Transfer() {
  if (!state_ || std::uncaught_exceptions() > 0) return;
  try {
    wait();
  } catch (const std::exception& error) {
    // A destructor cannot throw; the failure shows again at the next call, or the launcher ends the job.
    log_warn("a transfer that nobody waited for failed: {}", error.what());
  }
}

void Transfer::wait() {
  if (!state_) return;
  const auto state = std::move(state_);  // a failed transfer is not waited for twice
  owner_->wait_until(*state);
}

void wait_all(std::vector<Transfer>& transfers) {
  for (Transfer& transfer : transfers) transfer.wait();
  transfers.clear();
}

bool Transfer::done() {
  if (!state_) return true;
  if (!state_->done()) return false;
  state_.reset();
  return true;
}

}  // namespace gemring
