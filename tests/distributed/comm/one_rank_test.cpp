#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "distributed/comm/communicator.h"
#include "engine/base/check.h"
#include "engine/base/error.h"

namespace gemring {
namespace {

TEST(OneRank, ASendMeetsALaterReceive) {
  const auto world = one_rank_communicator();
  const std::vector<int> out = {1, 2, 3};
  std::vector<int> in(3);
  Transfer sending = send(*world, std::span(out), 0, MessageKind::ring);
  EXPECT_FALSE(sending.done());
  Transfer receiving = receive(*world, std::span(in), 0, MessageKind::ring);
  EXPECT_TRUE(receiving.done());
  EXPECT_TRUE(sending.done());
  EXPECT_EQ(in, (std::vector<int>{1, 2, 3}));
}

TEST(OneRank, AWaitThatNothingCanEndIsABug) {
  const auto world = one_rank_communicator();
  int value = 0;
  Transfer receiving = receive(*world, std::span(&value, 1), 0, MessageKind::ring);
  EXPECT_THROW(receiving.wait(), InternalError);
}

TEST(OneRank, DifferentSizesAreABug) {
  const auto world = one_rank_communicator();
  const std::vector<int> out(3);
  std::vector<int> in(2);
  Transfer sending = send(*world, std::span(out), 0, MessageKind::ring);
  EXPECT_THROW(receive(*world, std::span(in), 0, MessageKind::ring), InternalError);
}

/// Of a transfer whose counterpart another thread has yet to begin: a wait() would be a bug.
void poll(Transfer& transfer) {
  while (!transfer.done()) std::this_thread::yield();
}

TEST(OneRank, ThreadsSendAndReceiveAtTheSameTime) {
  constexpr int kMessages = 2000;
  const auto world = one_rank_communicator();
  std::atomic<std::int64_t> sum = 0;
  std::vector<std::thread> threads;
  for (const MessageKind kind : {MessageKind::ring, MessageKind::logits}) {
    for (int pair = 0; pair < 2; ++pair) {  // two senders and two receivers of the same messages
      threads.emplace_back([&, kind] {
        for (int i = 0; i < kMessages; ++i) {
          Transfer sending = send(*world, std::span<const int>(&i, 1), 0, kind);
          poll(sending);
        }
      });
      threads.emplace_back([&, kind] {
        for (int i = 0; i < kMessages; ++i) {
          int value = -1;
          Transfer receiving = receive(*world, std::span(&value, 1), 0, kind);
          poll(receiving);
          sum += value;
        }
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum, 4 * std::int64_t{kMessages} * (kMessages - 1) / 2);
}

TEST(OneRank, TransfersGivenUpByOneThreadMeetNothingOfAnother) {
  const auto world = one_rank_communicator();
  std::atomic<bool> stop = false;
  std::thread gives_up([&] {
    while (!stop) {
      int lost = -1;
      try {
        const Transfer receiving = receive(*world, std::span(&lost, 1), 0, MessageKind::ring);
        throw PeerError({"a test", "gives up", ""});
      } catch (const PeerError&) {
      }
      EXPECT_EQ(lost, -1);
    }
  });
  for (int i = 0; i < 2000; ++i) {
    int value = -1;
    Transfer receiving = receive(*world, std::span(&value, 1), 0, MessageKind::logits);
    send(*world, std::span<const int>(&i, 1), 0, MessageKind::logits).wait();
    EXPECT_TRUE(receiving.done());
    EXPECT_EQ(value, i);
  }
  stop = true;
  gives_up.join();
}

TEST(OneRank, NothingItDoesCountsAsSent) {
  const auto world = one_rank_communicator();
  const int value = 1;
  world->all_gather(std::as_bytes(std::span(&value, 1)));
  EXPECT_EQ(world->totals().bytes_sent, 0u);
  EXPECT_EQ(world->totals().wait_seconds, 0.0);
}

}  // namespace
}  // namespace gemring
