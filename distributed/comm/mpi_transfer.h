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

  /// A request for MPI to fill in. Under the channel's lock, like start() behind the last piece.
  MPI_Request* add_piece(int bytes);
  void start() { channel_->add(*this); }

  bool done() override;  // throws what went wrong, on the thread that waits

  /// True once finished or failed. Under the channel's lock, by whoever polls.
  bool poll();

  /// Tensors, of which it is told how long they were under way; not control messages, which a rank may await for long.
  bool carries_data() const { return kind_ != MessageKind::control; }
  std::size_t bytes() const { return bytes_; }
  RankId peer() const { return peer_; }

 private:
  bool test();
  const char* call() const { return direction_ == Direction::send ? "sending to" : "receiving from"; }
  void check_statuses() const;
  void check_sizes() const;

  std::shared_ptr<MpiChannel> channel_;
  Direction direction_;
  MessageKind kind_;
  RankId peer_;
  std::atomic<bool> finished_ = false;
  std::exception_ptr failure_;  // written before finished_
  std::size_t bytes_ = 0;       // of all pieces
  std::vector<int> sizes_;
  std::vector<MPI_Request> requests_;
  std::vector<MPI_Status> statuses_;
};

}  // namespace gemring::detail
