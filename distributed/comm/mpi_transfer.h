// One message under way, in pieces that MPI's int counts can hold. Internal to distributed/comm.
#pragma once

#include <mpi.h>

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <vector>

#include "distributed/comm/mpi_channel.h"

namespace gemring::detail {

class MpiTransfer final : public Transfer::State {
 public:
  enum class Direction { send, receive };
  MpiTransfer(std::shared_ptr<MpiChannel> channel, Direction direction, MessageKind kind, RankId peer);
  ~MpiTransfer() override;  // gives up what is not finished

  /// A request for MPI to fill in; start() comes behind the last piece.
  MPI_Request* add_piece(int bytes) GEMRING_REQUIRES(mpi_mutex);
  void start() GEMRING_REQUIRES(mpi_mutex) { channel_->add(*this); }

  bool done() override;  // throws what went wrong, on the thread that waits

  /// True once finished or failed. By whoever polls.
  bool poll() GEMRING_REQUIRES(mpi_mutex);

  /// Tensors, of which it is told how long they were under way; not control messages, which a rank may await for long.
  bool carries_data() const { return kind_ != MessageKind::control; }
  std::size_t bytes() const { return bytes_; }
  RankId peer() const { return peer_; }

 private:
  bool test() GEMRING_REQUIRES(mpi_mutex);
  const char* call() const { return direction_ == Direction::send ? "sending to" : "receiving from"; }
  void check_statuses() const GEMRING_REQUIRES(mpi_mutex);
  void check_sizes() const GEMRING_REQUIRES(mpi_mutex);

  std::shared_ptr<MpiChannel> channel_;
  Direction direction_;
  MessageKind kind_;
  RankId peer_;
  std::atomic<bool> finished_ = false;
  std::exception_ptr failure_;  // written before finished_
  std::size_t bytes_ = 0;       // of all pieces
  std::vector<int> sizes_;
  std::vector<MPI_Request> requests_ GEMRING_GUARDED_BY(mpi_mutex);
  std::vector<MPI_Status> statuses_ GEMRING_GUARDED_BY(mpi_mutex);
};

}  // namespace gemring::detail
