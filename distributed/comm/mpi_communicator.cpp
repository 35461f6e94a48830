#include "distributed/comm/mpi_communicator.h"

#include <algorithm>
#include <exception>
#include <numeric>
#include <utility>

#include "distributed/comm/adaptive_wait.h"
#include "distributed/comm/mpi_check.h"
#include "distributed/comm/mpi_session.h"
#include "distributed/comm/pieces.h"
#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/trace.h"

namespace gemring::detail {
namespace {

std::size_t largest_piece = std::size_t{1} << 30;

std::string rank_name(RankId rank) {
  return fmt::format("rank {}", rank.value());
}

/// Calls piece(offset, bytes) for pieces of at most largest_piece; once, with 0 bytes, for an empty message, so that a
/// disagreement about its size is found.
template <class Piece>
void for_each_piece(std::size_t bytes, Piece&& piece) {
  std::size_t offset = 0;
  do {
    const std::size_t length = std::min(bytes - offset, largest_piece);
    piece(offset, static_cast<int>(length));
    offset += length;
  } while (offset < bytes);
}

/// The pieces of one message.
class MpiTransfer final : public Transfer::State {
 public:
  enum class Direction { send, receive };
  MpiTransfer(Direction direction, std::string peer) : direction_(direction), peer_(std::move(peer)) {}

  ~MpiTransfer() override {
    for (MPI_Request& request : requests_) {
      if (request == MPI_REQUEST_NULL) continue;
      if (direction_ == Direction::receive) MPI_Cancel(&request);
      MPI_Request_free(&request);
    }
  }

  MPI_Request* add_piece(int bytes) {
    sizes_.push_back(bytes);
    statuses_.emplace_back();
    return &requests_.emplace_back(MPI_REQUEST_NULL);
  }

  bool done() override {
    if (done_) return true;
    int finished = 0;
    const int code = MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &finished, statuses_.data());
    if (code == MPI_ERR_IN_STATUS) check_statuses();
    check_mpi(code, call(), peer_);
    if (finished == 0) return false;
    done_ = true;
    if (direction_ == Direction::receive) check_sizes();
    return true;
  }

 private:
  const char* call() const { return direction_ == Direction::send ? "sending to" : "receiving from"; }

  void check_statuses() const {
    for (const MPI_Status& status : statuses_) {
      if (status.MPI_ERROR != MPI_ERR_PENDING) check_mpi(status.MPI_ERROR, call(), peer_);
    }
  }

  void check_sizes() const {
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      int bytes = 0;
      check_mpi(MPI_Get_count(&statuses_[i], MPI_BYTE, &bytes), "MPI_Get_count");
      GEMRING_CHECK(bytes == sizes_[i], "{} sent {} bytes where {} were expected", peer_, bytes, sizes_[i]);
    }
  }

  Direction direction_;
  std::string peer_;
  bool done_ = false;
  std::vector<int> sizes_;
  std::vector<MPI_Request> requests_;
  std::vector<MPI_Status> statuses_;
};

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator(MPI_Comm comm, bool owned, std::vector<RankId> world_ranks,
                  std::shared_ptr<CommunicationTotals> totals)
      : comm_(comm), owned_(owned), world_ranks_(std::move(world_ranks)), totals_(std::move(totals)) {
    check_mpi(MPI_Comm_rank(comm_, &member_), "MPI_Comm_rank");
  }

  ~MpiCommunicator() override {
    int finalized = 0;
    MPI_Finalized(&finalized);
    // Freeing is collective: behind an exception the others may never come.
    if (owned_ && finalized == 0 && std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
  }

  int member() const override { return member_; }
  int size() const override { return static_cast<int>(world_ranks_.size()); }
  RankId world_rank(int member) const override { return world_ranks_.at(static_cast<std::size_t>(member)); }

  Transfer send(std::span<const std::byte> data, int to, MessageKind kind) override {
    const TraceSpan span("send", SpanKind::send, data.size());
    const std::string peer = rank_name(world_rank(to));
    auto transfer = std::make_unique<MpiTransfer>(MpiTransfer::Direction::send, peer);
    for_each_piece(data.size(), [&](std::size_t offset, int bytes) {
      check_mpi(MPI_Isend(data.data() + offset, bytes, MPI_BYTE, to, static_cast<int>(kind), comm_,
                          transfer->add_piece(bytes)),
                "MPI_Isend to", peer);
    });
    if (to != member_) totals_->bytes_sent += data.size();
    return Transfer(std::move(transfer), this);
  }

  Transfer receive(std::span<std::byte> data, int from, MessageKind kind) override {
    const std::string peer = rank_name(world_rank(from));
    auto transfer = std::make_unique<MpiTransfer>(MpiTransfer::Direction::receive, peer);
    for_each_piece(data.size(), [&](std::size_t offset, int bytes) {
      check_mpi(MPI_Irecv(data.data() + offset, bytes, MPI_BYTE, from, static_cast<int>(kind), comm_,
                          transfer->add_piece(bytes)),
                "MPI_Irecv from", peer);
    });
    return Transfer(std::move(transfer), this);
  }

  void broadcast(std::span<std::byte> data, int root) override {
    if (size() == 1) return;
    const std::string peer = rank_name(world_rank(root));
    for_each_piece(data.size(), [&](std::size_t offset, int bytes) {
      MPI_Request request;
      check_mpi(MPI_Ibcast(data.data() + offset, bytes, MPI_BYTE, root, comm_, &request), "MPI_Ibcast from", peer);
      finish(request, "MPI_Ibcast from", peer);
    });
    if (root == member_) totals_->bytes_sent += data.size() * (world_ranks_.size() - 1);
  }

  void barrier() override {
    if (size() == 1) return;
    MPI_Request request;
    check_mpi(MPI_Ibarrier(comm_, &request), "MPI_Ibarrier");
    finish(request, "MPI_Ibarrier");
  }

  std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> data) override;
  std::unique_ptr<Communicator> group(std::span<const int> members) override;

  CommunicationTotals totals() const override { return *totals_; }

  void wait_until(Transfer::State& transfer) override {
    const TraceSpan span("wait", SpanKind::wait);
    totals_->wait_seconds += wait_adaptively([&] { return transfer.done(); });
  }

  [[noreturn]] void abort(int exit_code) override { MpiSession::abort_job(exit_code); }

 private:
  void finish(MPI_Request& request, const char* call, const std::string& peer = {}) {
    const TraceSpan span("wait for all", SpanKind::wait);
    totals_->wait_seconds += wait_adaptively([&] {
      int finished = 0;
      check_mpi(MPI_Test(&request, &finished, MPI_STATUS_IGNORE), call, peer);
      return finished != 0;
    });
  }

  std::vector<std::uint64_t> gather_sizes(std::uint64_t own) {
    std::vector<std::uint64_t> sizes(world_ranks_.size());
    MPI_Request request;
    check_mpi(MPI_Iallgather(&own, 1, MPI_UINT64_T, sizes.data(), 1, MPI_UINT64_T, comm_, &request), "MPI_Iallgather");
    finish(request, "MPI_Iallgather");
    return sizes;
  }

  std::vector<std::byte> gather_at_once(std::span<const std::byte> data, const std::vector<std::uint64_t>& sizes) {
    std::vector<int> counts(sizes.begin(), sizes.end());
    std::vector<int> offsets(sizes.size());
    std::exclusive_scan(counts.begin(), counts.end(), offsets.begin(), 0);
    std::vector<std::byte> all(static_cast<std::size_t>(offsets.back() + counts.back()));
    MPI_Request request;
    check_mpi(MPI_Iallgatherv(data.data(), static_cast<int>(data.size()), MPI_BYTE, all.data(), counts.data(),
                              offsets.data(), MPI_BYTE, comm_, &request),
              "MPI_Iallgatherv");
    finish(request, "MPI_Iallgatherv");
    return all;
  }

  MPI_Comm comm_;
  bool owned_;
  std::vector<RankId> world_ranks_;
  std::shared_ptr<CommunicationTotals> totals_;
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
    totals_->bytes_sent += data.size() * (sizes.size() - 1);
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
  const auto place = std::find(members.begin(), members.end(), member_);
  const int color = place == members.end() ? MPI_UNDEFINED : 0;
  MPI_Comm comm = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(comm_, color, static_cast<int>(place - members.begin()), &comm), "MPI_Comm_split");
  if (comm == MPI_COMM_NULL) return nullptr;
  check_mpi(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return std::make_unique<MpiCommunicator>(comm, true, std::move(world_ranks), totals_);
}

}  // namespace

void check_mpi(int code, const char* call, const std::string& peer) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) length = 0;
  throw PeerError(
      {.where = peer.empty() ? call : fmt::format("{} {}", call, peer),
       .problem = length > 0 ? std::string(text, static_cast<std::size_t>(length)) : fmt::format("MPI error {}", code),
       .advice = "see that rank's own messages and the network between the hosts"});
}

std::unique_ptr<Communicator> mpi_communicator(MPI_Comm comm, bool owned, std::vector<RankId> world_ranks,
                                               std::shared_ptr<CommunicationTotals> totals) {
  return std::make_unique<MpiCommunicator>(comm, owned, std::move(world_ranks), std::move(totals));
}

void set_largest_piece(std::size_t bytes) {
  largest_piece = bytes;
}

}  // namespace gemring::detail
