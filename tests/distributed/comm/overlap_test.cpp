#include <gtest/gtest.h>
#include <time.h>

#include <chrono>
#include <thread>
#include <vector>

#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

constexpr std::size_t kLarge = 8u << 20;  // bytes: beyond every eager limit and every socket's buffer

/// A large message to the right and one from the left.
class Exchange {
 public:
  explicit Exchange(MessageKind kind) : out_(kLarge, std::byte(world().member())), in_(kLarge) {
    const int size = world().size();
    receiving_ = world().receive(in_, (world().member() + size - 1) % size, kind);
    sending_ = world().send(out_, (world().member() + 1) % size, kind);
  }
  void wait() {
    receiving_.wait();
    sending_.wait();
  }
  bool arrived() const {
    const int left = (world().member() + world().size() - 1) % world().size();
    return in_.front() == std::byte(left) && in_.back() == std::byte(left);
  }

 private:
  std::vector<std::byte> out_;
  std::vector<std::byte> in_;
  Transfer receiving_;
  Transfer sending_;
};

void pause_ms(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

/// Without a call that moves messages: until none is under way, ten seconds at most.
bool all_finish_by_themselves() {
  for (int time = 0; time < 5000; ++time) {
    const double before = world().totals().transfer_seconds;
    pause_ms(2);
    if (world().totals().transfer_seconds == before) return true;
  }
  return false;
}

TEST(Overlap, MessagesMoveWhileNobodyWaits) {
  Exchange exchange(MessageKind::ring);
  EXPECT_TRUE(all_finish_by_themselves());
  exchange.wait();
  EXPECT_TRUE(exchange.arrived());
}

TEST(Overlap, SwitchedOffMessagesMoveInTheWaitOnly) {
  if (world().size() == 1) return;  // a message to oneself needs nobody
  world().set_overlap(false);
  Exchange exchange(MessageKind::ring);
  pause_ms(50);
  const double before = world().totals().transfer_seconds;
  pause_ms(2);
  EXPECT_GT(world().totals().transfer_seconds, before) << "finished though nobody polls";
  exchange.wait();
  EXPECT_TRUE(exchange.arrived());
  world().set_overlap(true);
}

TEST(Overlap, WaitingForControlMessagesIsNotExposedData) {
  const CommunicationTotals before = world().totals();
  Exchange exchange(MessageKind::control);
  exchange.wait();
  const CommunicationTotals after = world().totals();
  EXPECT_EQ(after.transfer_seconds, before.transfer_seconds);
  EXPECT_EQ(after.exposed_seconds, before.exposed_seconds);
}

TEST(Overlap, TwoThreadsExchangeAtOnce) {
  std::thread other([] {
    Exchange exchange(MessageKind::queries);
    exchange.wait();
    EXPECT_TRUE(exchange.arrived());
  });
  Exchange exchange(MessageKind::ring);
  exchange.wait();
  EXPECT_TRUE(exchange.arrived());
  other.join();
}

}  // namespace
}  // namespace gemring
