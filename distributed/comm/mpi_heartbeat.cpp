#include "distributed/comm/mpi_heartbeat.h"

#include <chrono>
#include <map>
#include <thread>
#include <utility>

#include "distributed/comm/mpi_check.h"

namespace gemring::detail {
namespace {

constexpr int kHeartbeatTag = 0;
constexpr int kBytes = sizeof(Heartbeat);  // below every eager limit: one leaves whether or not somebody receives it

class MpiHeartbeatLink final : public HeartbeatLink {
 public:
  MpiHeartbeatLink(MPI_Comm comm, std::shared_ptr<MpiChannel> channel) : comm_(comm), channel_(std::move(channel)) {
    check_mpi(MPI_Comm_rank(comm_, &member_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
  }

  ~MpiHeartbeatLink() override {
    const MutexLock held(mpi_mutex);
    for (auto& [to, message] : messages_) {
      if (message.request != MPI_REQUEST_NULL) MPI_Request_free(&message.request);
    }
  }

  int member() const override { return member_; }
  int size() const override { return size_; }

  bool exchange(const Heartbeat& own, std::span<const int> to, const Take& take) override {
    if (!lock_soon()) return false;
    const MutexLock held(mpi_mutex, std::adopt_lock);
    for (const int receiver : to) send(own, receiver);
    int arrived = 0;
    MPI_Status status;
    for (;;) {
      check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, kHeartbeatTag, comm_, &arrived, &status), "MPI_Iprobe");
      if (arrived == 0) return true;
      Heartbeat heartbeat;
      check_mpi(MPI_Recv(&heartbeat, kBytes, MPI_BYTE, status.MPI_SOURCE, kHeartbeatTag, comm_, MPI_STATUS_IGNORE),
                "MPI_Recv");
      take(status.MPI_SOURCE, heartbeat);
    }
  }

  bool behind_data(int other) override {
    if (!lock_soon()) return false;
    const MutexLock held(mpi_mutex, std::adopt_lock);
    return channel_->data_under_way_with(RankId(other));
  }

  std::uint64_t forwarded_bytes() const override { return channel_->forwarded_bytes(); }

  bool all_left() override {
    if (!lock_soon()) return false;
    const MutexLock held(mpi_mutex, std::adopt_lock);
    bool all = true;
    for (auto& [to, message] : messages_) all = has_left(message) && all;
    return all;
  }

 private:
  /// Others poll often, each for microseconds; who does not come in for so long meets a call that does not return.
  static bool lock_soon() GEMRING_TRY_ACQUIRE(true, mpi_mutex) {
    for (int time = 0; time < 500; ++time) {
      if (mpi_mutex.try_lock()) return true;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return mpi_mutex.try_lock();
  }

  struct Message {
    Heartbeat heartbeat;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  static bool has_left(Message& message) GEMRING_REQUIRES(mpi_mutex) {
    int left = 0;
    check_mpi(MPI_Test(&message.request, &left, MPI_STATUS_IGNORE), "MPI_Test");
    return left != 0;
  }

  void send(const Heartbeat& heartbeat, int to) GEMRING_REQUIRES(mpi_mutex) {
    Message& message = messages_[to];
    if (!has_left(message)) return;
    message.heartbeat = heartbeat;
    check_mpi(MPI_Isend(&message.heartbeat, kBytes, MPI_BYTE, to, kHeartbeatTag, comm_, &message.request), "MPI_Isend");
  }

  MPI_Comm comm_;
  std::shared_ptr<MpiChannel> channel_;
  int member_ = 0;
  int size_ = 0;
  std::map<int, Message> messages_ GEMRING_GUARDED_BY(mpi_mutex);  // where a message lies does not change
};

}  // namespace

std::unique_ptr<HeartbeatLink> mpi_heartbeat_link(MPI_Comm comm, std::shared_ptr<MpiChannel> channel) {
  MPI_Comm own = MPI_COMM_NULL;
  {
    const MutexLock held(mpi_mutex);
    check_mpi(MPI_Comm_dup(comm, &own), "MPI_Comm_dup");
    check_mpi(MPI_Comm_set_errhandler(own, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  }
  return std::make_unique<MpiHeartbeatLink>(own, std::move(channel));
}

}  // namespace gemring::detail
