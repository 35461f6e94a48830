#include "distributed/comm/mpi_transfer.h"

#include <utility>

#include "distributed/comm/mpi_check.h"
#include "engine/base/check.h"

namespace gemring::detail {

MpiTransfer::MpiTransfer(std::shared_ptr<MpiChannel> channel, Direction direction, MessageKind kind, RankId peer)
    : channel_(std::move(channel)), direction_(direction), kind_(kind), peer_(peer) {}

MpiTransfer::~MpiTransfer() {
  const MutexLock held(mpi_mutex);
  channel_->remove(*this);
  for (MPI_Request& request : requests_) {
    if (request == MPI_REQUEST_NULL) continue;
    if (direction_ == Direction::receive) MPI_Cancel(&request);
    MPI_Request_free(&request);
  }
}

MPI_Request* MpiTransfer::add_piece(int bytes) {
  sizes_.push_back(bytes);
  bytes_ += static_cast<std::size_t>(bytes);
  statuses_.emplace_back();
  return &requests_.emplace_back(MPI_REQUEST_NULL);
}

bool MpiTransfer::done() {
  if (!finished_.load(std::memory_order_acquire)) {
    const MutexLock held(mpi_mutex);
    if (!poll()) return false;
    channel_->remove(*this);
  }
  if (failure_) std::rethrow_exception(failure_);
  return true;
}

bool MpiTransfer::poll() {
  if (finished_.load(std::memory_order_relaxed)) return true;
  try {
    if (!test()) return false;
  } catch (...) {
    failure_ = std::current_exception();
  }
  finished_.store(true, std::memory_order_release);
  return true;
}

bool MpiTransfer::test() {
  int finished = 0;
  const int code = MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &finished, statuses_.data());
  if (code == MPI_ERR_IN_STATUS) check_statuses();
  check_mpi(code, call(), peer_);
  if (finished != 0 && direction_ == Direction::receive) check_sizes();
  return finished != 0;
}

void MpiTransfer::check_statuses() const {
  for (const MPI_Status& status : statuses_) {
    if (status.MPI_ERROR != MPI_ERR_PENDING) check_mpi(status.MPI_ERROR, call(), peer_);
  }
}

void MpiTransfer::check_sizes() const {
  for (std::size_t i = 0; i < sizes_.size(); ++i) {
    int bytes = 0;
    check_mpi(MPI_Get_count(&statuses_[i], MPI_BYTE, &bytes), "MPI_Get_count");
    GEMRING_CHECK(bytes == sizes_[i], "rank {} sent {} bytes where {} were expected", peer_.value(), bytes, sizes_[i]);
  }
}

}  // namespace gemring::detail
