#include "distributed/comm/mpi_sign_link.h"

#include <chrono>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "distributed/comm/mpi_check.h"

namespace gemring::detail {
namespace {

constexpr int kTag = 0;
constexpr int kBytes = sizeof(Sign);  // below every eager limit: a sign leaves whether or not somebody receives it

class MpiSignLink final : public SignLink {
 public:
  MpiSignLink(MPI_Comm comm, std::shared_ptr<MpiChannel> channel) : comm_(comm), channel_(std::move(channel)) {
    check_mpi(MPI_Comm_rank(comm_, &member_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
  }

  ~MpiSignLink() override {
    const auto held = channel_->lock();
    for (auto& [to, letter] : letters_) {
      if (letter.request != MPI_REQUEST_NULL) MPI_Request_free(&letter.request);
    }
  }

  int member() const override { return member_; }
  int size() const override { return size_; }

  bool exchange(const Sign& own, std::span<const int> to, const Take& take) override {
    const auto held = lock_soon();
    if (!held) return false;
    for (const int receiver : to) send(own, receiver);
    int arrived = 0;
    MPI_Status status;
    for (;;) {
      check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, kTag, comm_, &arrived, &status), "MPI_Iprobe");
      if (arrived == 0) return true;
      Sign sign;
      check_mpi(MPI_Recv(&sign, kBytes, MPI_BYTE, status.MPI_SOURCE, kTag, comm_, MPI_STATUS_IGNORE), "MPI_Recv");
      take(status.MPI_SOURCE, sign);
    }
  }

  bool behind_data(int other) override {
    const auto held = lock_soon();
    return held && channel_->data_under_way_with(RankId(other));
  }

  bool all_left() override {
    const auto held = lock_soon();
    if (!held) return false;
    bool all = true;
    for (auto& [to, letter] : letters_) all = has_left(letter) && all;
    return all;
  }

 private:
  /// Others poll often, each for microseconds; who does not come in for so long meets a call that does not return.
  std::unique_lock<std::mutex> lock_soon() const {
    auto held = channel_->try_lock();
    for (int time = 0; !held && time < 500; ++time) {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
      held = channel_->try_lock();
    }
    return held;
  }

  struct Letter {
    Sign sign;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  static bool has_left(Letter& letter) {
    int left = 0;
    check_mpi(MPI_Test(&letter.request, &left, MPI_STATUS_IGNORE), "MPI_Test");
    return left != 0;
  }

  void send(const Sign& sign, int to) {
    Letter& letter = letters_[to];
    if (!has_left(letter)) return;
    letter.sign = sign;
    check_mpi(MPI_Isend(&letter.sign, kBytes, MPI_BYTE, to, kTag, comm_, &letter.request), "MPI_Isend");
  }

  MPI_Comm comm_;
  std::shared_ptr<MpiChannel> channel_;
  int member_ = 0;
  int size_ = 0;
  std::map<int, Letter> letters_;  // where a letter lies does not change
};

}  // namespace

std::unique_ptr<SignLink> mpi_sign_link(MPI_Comm comm, std::shared_ptr<MpiChannel> channel) {
  if (!channel->threads_may_call_mpi()) return nullptr;
  MPI_Comm own = MPI_COMM_NULL;
  {
    const auto held = channel->lock();
    check_mpi(MPI_Comm_dup(comm, &own), "MPI_Comm_dup");
    check_mpi(MPI_Comm_set_errhandler(own, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  }
  return std::make_unique<MpiSignLink>(own, std::move(channel));
}

}  // namespace gemring::detail
