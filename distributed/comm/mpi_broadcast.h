// The broadcast over MPI. Internal to distributed/comm.
#pragma once

#include <mpi.h>

#include <deque>
#include <exception>
#include <list>
#include <memory>
#include <vector>

#include "distributed/comm/broadcast.h"
#include "distributed/comm/mpi_channel.h"

namespace gemring::detail {

/// On a communicator of its own, so that its messages meet no others. Collective over `comm`.
std::unique_ptr<Broadcast> mpi_broadcast(MPI_Comm comm, std::shared_ptr<MpiChannel> channel, int fan_out);

/// What a message looks like on its way: this header, the ranges, the head, and the body where somebody of the
/// receiver's subtree gets it. A message beyond largest_piece travels in several.
struct BroadcastHeader {
  std::uint64_t head_bytes = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t ranges = 0;
};

class MpiBroadcast final : public Broadcast, public MpiChannel::Forwarder {
 public:
  MpiBroadcast(MPI_Comm comm, std::shared_ptr<MpiChannel> channel, BroadcastTree tree);
  ~MpiBroadcast() override;

  void send(const Message& message, std::span<const MemberRange> body_to) override;
  Message receive() override;
  std::optional<Message> try_receive() override;
  Sent sent() const override;

  bool poll() override GEMRING_REQUIRES(mpi_mutex);
  bool wants_polls() const override GEMRING_REQUIRES(mpi_mutex);
  bool data_under_way_with(RankId peer) const override GEMRING_REQUIRES(mpi_mutex);

 private:
  struct Incoming {
    std::vector<std::byte> bytes;
    std::size_t arrived = 0;   // of them
    std::size_t expected = 0;  // 0: not known yet
    MPI_Request request = MPI_REQUEST_NULL;
  };
  struct Outgoing {
    std::shared_ptr<const std::vector<std::byte>> bytes;
    int child = 0;
    std::size_t length = 0;  // of `bytes`: without a body that nobody there gets
    std::vector<MPI_Request> requests;
  };

  bool poll_unguarded() GEMRING_REQUIRES(mpi_mutex);
  bool receive_pieces() GEMRING_REQUIRES(mpi_mutex);
  bool begin_piece() GEMRING_REQUIRES(mpi_mutex);
  void take_arrived() GEMRING_REQUIRES(mpi_mutex);
  void pass_on(const std::shared_ptr<const std::vector<std::byte>>& bytes) GEMRING_REQUIRES(mpi_mutex);
  bool forget_sent() GEMRING_REQUIRES(mpi_mutex);

  MPI_Comm comm_;
  std::shared_ptr<MpiChannel> channel_;
  BroadcastTree tree_;
  Incoming incoming_ GEMRING_GUARDED_BY(mpi_mutex);
  std::list<Outgoing> outgoing_ GEMRING_GUARDED_BY(mpi_mutex);
  std::deque<Message> received_ GEMRING_GUARDED_BY(mpi_mutex);
  Sent sent_ GEMRING_GUARDED_BY(mpi_mutex);
  std::exception_ptr failure_ GEMRING_GUARDED_BY(mpi_mutex);
};

}  // namespace gemring::detail
