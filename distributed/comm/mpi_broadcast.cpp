#include "distributed/comm/mpi_broadcast.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "distributed/comm/adaptive_wait.h"
#include "distributed/comm/mpi_check.h"
#include "distributed/comm/pieces.h"
#include "engine/base/check.h"
#include "engine/base/place.h"
#include "engine/base/trace.h"

namespace gemring::detail {
namespace {

constexpr int kBroadcastTag = 0;
constexpr std::size_t kEager = 4096;  // bytes that leave whether or not somebody receives them

using Bytes = std::vector<std::byte>;

/// A message's parts, from its bytes.
struct Parts {
  BroadcastHeader header;
  std::vector<MemberRange> ranges;
  std::size_t head = 0;  // where it begins
  std::size_t body = 0;

  explicit Parts(const Bytes& bytes) {
    GEMRING_CHECK(bytes.size() >= sizeof header, "a broadcast of {} bytes", bytes.size());
    std::memcpy(&header, bytes.data(), sizeof header);
    head = sizeof header + header.ranges * sizeof(MemberRange);
    body = head + header.head_bytes;
    GEMRING_CHECK(bytes.size() >= head, "{} bytes of a broadcast hold no {} ranges", bytes.size(), header.ranges);
    ranges.resize(header.ranges);
    if (!ranges.empty()) std::memcpy(ranges.data(), bytes.data() + sizeof header, header.ranges * sizeof(MemberRange));
  }

  bool body_is_for(MemberRange ranks) const {
    return std::any_of(ranges.begin(), ranges.end(), [&](MemberRange range) { return range.meets(ranks); });
  }
  /// What travels to a subtree.
  std::size_t length_for(MemberRange subtree) const { return body_is_for(subtree) ? body + header.body_bytes : body; }
};

template <class Items>
void append(Bytes& bytes, const Items& items) {
  const auto raw = std::as_bytes(std::span(items));
  const std::size_t begin = bytes.size();
  bytes.resize(begin + raw.size());
  if (!raw.empty()) std::memcpy(bytes.data() + begin, raw.data(), raw.size());
}

std::string text_of(const Bytes& bytes, std::size_t from, std::size_t length) {
  return {reinterpret_cast<const char*>(bytes.data()) + from, length};
}

}  // namespace

MpiBroadcast::MpiBroadcast(MPI_Comm comm, std::shared_ptr<MpiChannel> channel, BroadcastTree tree)
    : comm_(comm), channel_(std::move(channel)), tree_(std::move(tree)) {
  const MutexLock held(mpi_mutex);
  channel_->add(*this);
}

MpiBroadcast::~MpiBroadcast() {
  const bool gives_up = std::uncaught_exceptions() > 0;
  if (!gives_up) {
    wait_adaptively([&] {
      const MutexLock held(mpi_mutex);
      poll();
      return outgoing_.empty() || failure_;
    });
  }
  const MutexLock held(mpi_mutex);
  channel_->remove(*this);
  if (incoming_.request != MPI_REQUEST_NULL) {
    MPI_Cancel(&incoming_.request);
    MPI_Request_free(&incoming_.request);
  }
  for (Outgoing& message : outgoing_) {
    for (MPI_Request& request : message.requests) {
      if (request != MPI_REQUEST_NULL) MPI_Request_free(&request);
    }
  }
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized == 0 && !gives_up) MPI_Comm_free(&comm_);
}

void MpiBroadcast::send(const Message& message, std::span<const MemberRange> body_to) {
  GEMRING_CHECK(tree_.parent() < 0, "rank {} broadcasts", tree_.subtree().first);
  const TraceSpan span("broadcast", SpanKind::send, message.head.size());
  const std::string& body = message.body ? *message.body : std::string();
  const BroadcastHeader header{message.head.size(), body.size(), body_to.size()};
  auto bytes = std::make_shared<Bytes>();
  bytes->reserve(sizeof header + body_to.size_bytes() + message.head.size() + body.size());
  append(*bytes, std::array{header});
  append(*bytes, body_to);
  append(*bytes, message.head);
  append(*bytes, body);
  const MutexLock held(mpi_mutex);
  pass_on(std::move(bytes));
}

Broadcast::Message MpiBroadcast::receive() {
  GEMRING_CHECK(tree_.parent() >= 0, "rank 0 waits for its own broadcast");
  const TraceSpan span("wait for rank 0", SpanKind::wait);
  const WaitMark waiting(0);
  std::optional<Message> message;
  const double seconds = wait_adaptively([&] {
    message = try_receive();
    return message.has_value();
  });
  const MutexLock held(mpi_mutex);
  channel_->count_wait(seconds, false);
  return *std::move(message);
}

std::optional<Broadcast::Message> MpiBroadcast::try_receive() {
  const MutexLock held(mpi_mutex);
  if (received_.empty()) poll();
  if (received_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    return std::nullopt;
  }
  std::optional<Message> message = std::move(received_.front());
  received_.pop_front();
  return message;
}

Broadcast::Sent MpiBroadcast::sent() const {
  const MutexLock held(mpi_mutex);
  return sent_;
}

bool MpiBroadcast::poll() {
  if (failure_) return false;
  try {
    return poll_unguarded();
  } catch (...) {  // on whichever thread: the one that receives throws it
    failure_ = std::current_exception();
    return false;
  }
}

bool MpiBroadcast::poll_unguarded() {
  const bool left = forget_sent();
  return receive_pieces() || left;
}

/// A rank that passes messages on always looks for them; others while something large is on its way.
bool MpiBroadcast::wants_polls() const {
  if (failure_) return false;
  return (tree_.parent() >= 0 && !tree_.children().empty()) || !outgoing_.empty() ||
         incoming_.request != MPI_REQUEST_NULL;
}

bool MpiBroadcast::data_under_way_with(RankId peer) const {
  if (incoming_.bytes.size() > kEager && peer.value() == tree_.parent()) return true;
  return std::any_of(outgoing_.begin(), outgoing_.end(),
                     [&](const Outgoing& message) { return message.child == peer.value() && message.length > kEager; });
}

/// Takes what has come from the parent, piece by piece. True where a piece came.
bool MpiBroadcast::receive_pieces() {
  bool any = false;
  while (tree_.parent() >= 0) {
    if (incoming_.request == MPI_REQUEST_NULL && !begin_piece()) return any;
    int arrived = 0;
    check_mpi(MPI_Test(&incoming_.request, &arrived, MPI_STATUS_IGNORE), "receiving from", RankId(tree_.parent()));
    if (arrived == 0) return any;
    any = true;
    incoming_.arrived = incoming_.bytes.size();
    if (incoming_.expected == 0) incoming_.expected = Parts(incoming_.bytes).length_for(tree_.subtree());
    if (incoming_.arrived >= incoming_.expected) take_arrived();
  }
  return any;
}

/// Where a piece of a message is there, or on its way: begins to receive it.
bool MpiBroadcast::begin_piece() {
  const RankId parent(tree_.parent());
  int there = 0;
  int bytes = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  check_mpi(MPI_Improbe(parent.value(), kBroadcastTag, comm_, &there, &message, &status), "MPI_Improbe of", parent);
  if (there == 0) return false;
  check_mpi(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
  incoming_.bytes.resize(incoming_.arrived + static_cast<std::size_t>(bytes));
  check_mpi(MPI_Imrecv(incoming_.bytes.data() + incoming_.arrived, bytes, MPI_BYTE, &message, &incoming_.request),
            "MPI_Imrecv from", parent);
  return true;
}

void MpiBroadcast::take_arrived() {
  GEMRING_CHECK(incoming_.arrived == incoming_.expected, "{} bytes of a broadcast of {} have come", incoming_.arrived,
                incoming_.expected);
  const auto bytes = std::make_shared<const Bytes>(std::move(incoming_.bytes));
  incoming_ = {};
  channel_->count_forwarded(bytes->size());
  pass_on(bytes);  // before this rank begins with what it asks
  const Parts parts(*bytes);
  Message message{.head = text_of(*bytes, parts.head, parts.header.head_bytes)};
  const int own = tree_.subtree().first;
  if (parts.body_is_for({own, own + 1})) message.body = text_of(*bytes, parts.body, parts.header.body_bytes);
  received_.push_back(std::move(message));
}

void MpiBroadcast::pass_on(const std::shared_ptr<const Bytes>& bytes) {
  if (tree_.children().empty()) return;
  const Parts parts(*bytes);
  for (const MemberRange subtree : tree_.children()) {
    Outgoing& message = outgoing_.emplace_back(Outgoing{bytes, subtree.first, parts.length_for(subtree), {}});
    for (const Piece piece : pieces_of(message.length)) {
      MPI_Request& request = message.requests.emplace_back(MPI_REQUEST_NULL);
      check_mpi(
          MPI_Isend(bytes->data() + piece.offset, piece.bytes, MPI_BYTE, message.child, kBroadcastTag, comm_, &request),
          "MPI_Isend to", RankId(message.child));
      ++sent_.messages;
    }
    sent_.bytes += message.length;
    channel_->counted().bytes_sent += message.length;
    if (tree_.parent() >= 0) channel_->count_forwarded(message.length);
  }
  forget_sent();
  if (!outgoing_.empty()) channel_->wake();
}

/// True where something has left.
bool MpiBroadcast::forget_sent() {
  bool any = false;
  for (auto message = outgoing_.begin(); message != outgoing_.end();) {
    int left = 0;
    check_mpi(
        MPI_Testall(static_cast<int>(message->requests.size()), message->requests.data(), &left, MPI_STATUSES_IGNORE),
        "sending to", RankId(message->child));
    any = any || left != 0;
    message = left != 0 ? outgoing_.erase(message) : std::next(message);
  }
  return any;
}

std::unique_ptr<Broadcast> mpi_broadcast(MPI_Comm comm, std::shared_ptr<MpiChannel> channel, int fan_out) {
  int member = 0;
  int size = 0;
  MPI_Comm own = MPI_COMM_NULL;
  {
    const MutexLock held(mpi_mutex);
    check_mpi(MPI_Comm_rank(comm, &member), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(comm, &size), "MPI_Comm_size");
    check_mpi(MPI_Comm_dup(comm, &own), "MPI_Comm_dup");
    check_mpi(MPI_Comm_set_errhandler(own, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  }
  return std::make_unique<MpiBroadcast>(own, std::move(channel), BroadcastTree(member, size, fan_out));
}

}  // namespace gemring::detail
