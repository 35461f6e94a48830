#include "distributed/comm/mpi_communicator.h"

#include <algorithm>
#include <exception>
#include <numeric>
#include <utility>

#include "distributed/comm/adaptive_wait.h"
#include "distributed/comm/mpi_broadcast.h"
#include "distributed/comm/mpi_check.h"
#include "distributed/comm/mpi_heartbeat.h"
#include "distributed/comm/mpi_session.h"
#include "distributed/comm/mpi_transfer.h"
#include "distributed/comm/pieces.h"
#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/place.h"
#include "engine/base/trace.h"

namespace gemring::detail {
namespace {

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator(MPI_Comm comm, bool owned, std::vector<RankId> world_ranks, std::shared_ptr<MpiChannel> channel)
      : comm_(comm), owned_(owned), world_ranks_(std::move(world_ranks)), channel_(std::move(channel)) {
    check_mpi(MPI_Comm_rank(comm_, &member_), "MPI_Comm_rank");
  }

  ~MpiCommunicator() override {
    int finalized = 0;
    MPI_Finalized(&finalized);
    const MutexLock held(mpi_mutex);
    // Freeing is collective: behind an exception the others may never come.
    if (owned_ && finalized == 0 && std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
  }

  int member() const override { return member_; }
  int size() const override { return static_cast<int>(world_ranks_.size()); }
  RankId world_rank(int member) const override { return world_ranks_.at(static_cast<std::size_t>(member)); }

  Transfer send(std::span<const std::byte> data, int to, MessageKind kind) override {
    const TraceSpan span("send", SpanKind::send, data.size());
    const RankId peer = world_rank(to);
    auto transfer = std::make_unique<MpiTransfer>(channel_, MpiTransfer::Direction::send, kind, peer);
    const MutexLock held(mpi_mutex);
    for (const Piece piece : pieces_of(data.size())) {
      check_mpi(MPI_Isend(data.data() + piece.offset, piece.bytes, MPI_BYTE, to, static_cast<int>(kind), comm_,
                          transfer->add_piece(piece.bytes)),
                "MPI_Isend to", peer);
    }
    if (to != member_) channel_->counted().bytes_sent += data.size();
    transfer->start();
    return Transfer(std::move(transfer), this);
  }

  Transfer receive(std::span<std::byte> data, int from, MessageKind kind) override {
    const RankId peer = world_rank(from);
    auto transfer = std::make_unique<MpiTransfer>(channel_, MpiTransfer::Direction::receive, kind, peer);
    const MutexLock held(mpi_mutex);
    for (const Piece piece : pieces_of(data.size())) {
      check_mpi(MPI_Irecv(data.data() + piece.offset, piece.bytes, MPI_BYTE, from, static_cast<int>(kind), comm_,
                          transfer->add_piece(piece.bytes)),
                "MPI_Irecv from", peer);
    }
    transfer->start();
    return Transfer(std::move(transfer), this);
  }

  void broadcast(std::span<std::byte> data, int root) override {
    if (size() == 1) return;
    for (const Piece piece : pieces_of(data.size())) {
      complete("MPI_Ibcast from", root == member_ ? kEveryone : world_rank(root).value(), [&](MPI_Request* request) {
        return MPI_Ibcast(data.data() + piece.offset, piece.bytes, MPI_BYTE, root, comm_, request);
      });
    }
    if (root == member_) count_sent(data.size() * (world_ranks_.size() - 1));
  }

  void barrier() override {
    if (size() == 1) return;
    complete("MPI_Ibarrier", kEveryone, [&](MPI_Request* request) { return MPI_Ibarrier(comm_, request); });
  }

  std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> data) override;
  std::unique_ptr<Communicator> group(std::span<const int> members) override;

  CommunicationTotals totals() const override { return channel_->totals(); }

  void wait_until(Transfer::State& transfer) override {
    auto& message = static_cast<MpiTransfer&>(transfer);
    const TraceSpan span("wait", SpanKind::wait);
    const WaitMark waiting(message.peer().value());
    const MpiChannel::Waiter waiter(*channel_);
    const double seconds = wait_adaptively([&] { return message.done(); });
    const MutexLock held(mpi_mutex);
    channel_->count_wait(seconds, message.carries_data());
  }

  void set_overlap(bool on) override { channel_->set_overlap(on); }

  std::unique_ptr<HeartbeatLink> heartbeat_link() override {
    if (size() == 1) return nullptr;
    barrier();  // as in group()
    return mpi_heartbeat_link(comm_, channel_);
  }

  std::unique_ptr<Broadcast> broadcast_stream(int fan_out) override {
    barrier();
    return mpi_broadcast(comm_, channel_, fan_out);
  }

  [[noreturn]] void abort(int exit_code) override { MpiSession::abort_job(exit_code); }

 private:
  /// Starts a collective operation and waits for it: `begin` fills in its request and returns MPI's code. `whom`: the
  /// rank that gives the data, or kEveryone.
  template <class Begin>
  void complete(const char* call, std::int32_t whom, Begin&& begin) {
    const TraceSpan span("wait for all", SpanKind::wait);
    const WaitMark waiting(whom);
    const std::optional<RankId> peer = whom >= 0 ? std::optional(RankId(whom)) : std::nullopt;
    const MpiChannel::Waiter waiter(*channel_);
    MPI_Request request = MPI_REQUEST_NULL;
    {
      const MutexLock held(mpi_mutex);
      check_mpi(begin(&request), call, peer);
    }
    const double seconds = wait_adaptively([&] {
      const MutexLock held(mpi_mutex);
      int finished = 0;
      check_mpi(MPI_Test(&request, &finished, MPI_STATUS_IGNORE), call, peer);
      return finished != 0;
    });
    const MutexLock held(mpi_mutex);
    channel_->count_wait(seconds, false);
  }

  void count_sent(std::size_t bytes) {
    const MutexLock held(mpi_mutex);
    channel_->counted().bytes_sent += bytes;
  }

  std::vector<std::uint64_t> gather_sizes(std::uint64_t own) {
    std::vector<std::uint64_t> sizes(world_ranks_.size());
    complete("MPI_Iallgather", kEveryone, [&](MPI_Request* request) {
      return MPI_Iallgather(&own, 1, MPI_UINT64_T, sizes.data(), 1, MPI_UINT64_T, comm_, request);
    });
    return sizes;
  }

  std::vector<std::byte> gather_at_once(std::span<const std::byte> data, const std::vector<std::uint64_t>& sizes) {
    std::vector<int> counts(sizes.begin(), sizes.end());
    std::vector<int> offsets(sizes.size());
    std::exclusive_scan(counts.begin(), counts.end(), offsets.begin(), 0);
    std::vector<std::byte> all(static_cast<std::size_t>(offsets.back() + counts.back()));
    complete("MPI_Iallgatherv", kEveryone, [&](MPI_Request* request) {
      return MPI_Iallgatherv(data.data(), static_cast<int>(data.size()), MPI_BYTE, all.data(), counts.data(),
                             offsets.data(), MPI_BYTE, comm_, request);
    });
    return all;
  }

  MPI_Comm comm_;
  bool owned_;
  std::vector<RankId> world_ranks_;
  std::shared_ptr<MpiChannel> channel_;
  int member_ = 0;
};

std::vector<std::vector<std::byte>> MpiCommunicator::all_gather(std::span<const std::byte> data) {
  const std::vector<std::uint64_t> sizes = gather_sizes(data.size());
  std::vector<std::vector<std::byte>> result(sizes.size());
  if (std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0}) <= largest_piece) {
    const std::vector<std::byte> all = gather_at_once(data, sizes);
    auto next = all.begin();
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const auto end = next + static_cast<std::ptrdiff_t>(sizes[i]);
      result[i].assign(next, end);
      next = end;
    }
    count_sent(data.size() * (sizes.size() - 1));
    return result;
  }
  // Beyond MPI's int offsets: each member broadcasts its own, which also counts it.
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (static_cast<int>(i) == member_) result[i].assign(data.begin(), data.end());
    result[i].resize(sizes[i]);
    broadcast(result[i], static_cast<int>(i));
  }
  return result;
}

std::unique_ptr<Communicator> MpiCommunicator::group(std::span<const int> members) {
  std::vector<bool> named(world_ranks_.size(), false);
  std::vector<RankId> world_ranks;
  for (const int member : members) {
    GEMRING_CHECK(member >= 0 && member < size() && !named[static_cast<std::size_t>(member)],
                  "member {} of {} is out of range or named twice", member, size());
    named[static_cast<std::size_t>(member)] = true;
    world_ranks.push_back(world_rank(member));
  }
  barrier();  // MPI_Comm_split spins while it waits for the last member; this sleeps
  const MutexLock held(mpi_mutex);
  const auto place = std::find(members.begin(), members.end(), member_);
  const int color = place == members.end() ? MPI_UNDEFINED : 0;
  MPI_Comm comm = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(comm_, color, static_cast<int>(place - members.begin()), &comm), "MPI_Comm_split");
  if (comm == MPI_COMM_NULL) return nullptr;
  check_mpi(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return std::make_unique<MpiCommunicator>(comm, true, std::move(world_ranks), channel_);
}

}  // namespace

void check_mpi(int code, const char* call, std::optional<RankId> peer) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) length = 0;
  throw PeerError(
      {.where = peer ? fmt::format("{} rank {}", call, peer->value()) : call,
       .problem = length > 0 ? std::string(text, static_cast<std::size_t>(length)) : fmt::format("MPI error {}", code),
       .advice = "see that rank's own messages and the network between the hosts"});
}

std::unique_ptr<Communicator> mpi_communicator(MPI_Comm comm, bool owned, std::vector<RankId> world_ranks,
                                               std::shared_ptr<MpiChannel> channel) {
  return std::make_unique<MpiCommunicator>(comm, owned, std::move(world_ranks), std::move(channel));
}

}  // namespace gemring::detail
