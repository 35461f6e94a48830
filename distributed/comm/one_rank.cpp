#include <array>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "distributed/comm/communicator.h"
#include "engine/base/check.h"
#include "engine/base/mutex.h"

namespace gemring {
namespace {

enum class Progress { waiting, done, given_up };

/// A send or receive that has not met its counterpart. Under the communicator's lock it is met, or given up by whoever
/// began it, whose memory is then gone.
template <class Byte>
struct Pending {
  std::span<Byte> data;
  std::shared_ptr<Progress> progress;
};

template <class Byte>
using Queue = std::deque<Pending<Byte>>;

class OneRankTransfer final : public Transfer::State {
 public:
  /// mutex: the communicator's, of `progress`.
  OneRankTransfer(Mutex& mutex, std::shared_ptr<Progress> progress) : mutex_(mutex), progress_(std::move(progress)) {}
  ~OneRankTransfer() override {
    const MutexLock held(mutex_);
    if (*progress_ == Progress::waiting) *progress_ = Progress::given_up;
  }
  bool done() override {
    const MutexLock held(mutex_);
    return *progress_ == Progress::done;
  }

 private:
  Mutex& mutex_;
  std::shared_ptr<Progress> progress_ GEMRING_GUARDED_BY(mutex_);
};

/// One rank has nobody to tell.
class OneRankBroadcast final : public Broadcast {
 public:
  void send(const Message&, std::span<const MemberRange>) override {}
  Message receive() override { throw InternalError("one rank waits for its own broadcast"); }
  std::optional<Message> try_receive() override { return std::nullopt; }
  Sent sent() const override { return {}; }
};

class OneRankCommunicator final : public Communicator {
 public:
  int member() const override { return 0; }
  int size() const override { return 1; }
  RankId world_rank(int) const override { return RankId(0); }

  Transfer send(std::span<const std::byte> data, int to, MessageKind kind) override {
    GEMRING_CHECK(to == 0, "to {} of 1 rank", to);
    const MutexLock held(mutex_);
    Channel& channel = channels_[static_cast<std::size_t>(kind)];
    return start(data, channel.sends, channel.receives, [](auto from, auto into) { copy(from, into); });
  }

  Transfer receive(std::span<std::byte> data, int from, MessageKind kind) override {
    GEMRING_CHECK(from == 0, "from {} of 1 rank", from);
    const MutexLock held(mutex_);
    Channel& channel = channels_[static_cast<std::size_t>(kind)];
    return start(data, channel.receives, channel.sends, [](auto into, auto sent) { copy(sent, into); });
  }

  void broadcast(std::span<std::byte>, int root) override { GEMRING_CHECK(root == 0, "root {} of 1 rank", root); }
  void barrier() override {}

  std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> data) override {
    return {std::vector<std::byte>(data.begin(), data.end())};
  }

  std::unique_ptr<Communicator> group(std::span<const int> members) override {
    if (members.empty()) return nullptr;
    GEMRING_CHECK(members.size() == 1 && members[0] == 0, "{} members, first {}, of 1 rank", members.size(),
                  members[0]);
    return std::make_unique<OneRankCommunicator>();
  }

  CommunicationTotals totals() const override { return {}; }  // nothing ever leaves, nothing is ever waited for

  void wait_until(Transfer::State& transfer) override {
    GEMRING_CHECK(transfer.done(), "one rank waits for a message to itself whose counterpart was not started");
  }

  void set_overlap(bool) override {}
  std::unique_ptr<HeartbeatLink> heartbeat_link() override { return nullptr; }
  std::unique_ptr<Broadcast> broadcast_stream(int) override { return std::make_unique<OneRankBroadcast>(); }

  [[noreturn]] void abort(int exit_code) override { std::_Exit(exit_code); }

 private:
  struct Channel {
    Queue<const std::byte> sends;
    Queue<std::byte> receives;
  };

  static void copy(std::span<const std::byte> from, std::span<std::byte> into) {
    GEMRING_CHECK(from.size() == into.size(), "sent {} bytes, expected {}", from.size(), into.size());
    if (!from.empty()) std::memcpy(into.data(), from.data(), from.size());
  }

  /// Meets the oldest counterpart that still waits, or queues up.
  template <class Byte, class Other, class Copy>
  Transfer start(std::span<Byte> data, Queue<Byte>& own, Queue<Other>& others, Copy copy_now) GEMRING_REQUIRES(mutex_) {
    auto progress = std::make_shared<Progress>(Progress::waiting);
    while (!others.empty() && *others.front().progress == Progress::given_up) others.pop_front();
    if (others.empty()) {
      own.push_back({data, progress});
    } else {
      const Pending<Other> other = std::move(others.front());
      others.pop_front();
      copy_now(data, other.data);
      *other.progress = *progress = Progress::done;
    }
    return Transfer(std::make_unique<OneRankTransfer>(mutex_, std::move(progress)), this);
  }

  Mutex mutex_;
  std::array<Channel, static_cast<std::size_t>(MessageKind::control) + 1> channels_ GEMRING_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Communicator> one_rank_communicator() {
  return std::make_unique<OneRankCommunicator>();
}

}  // namespace gemring
