#include <gtest/gtest.h>

#include "distributed/comm/communicator.h"
#include "engine/base/check.h"

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

TEST(OneRank, NothingItDoesCountsAsSent) {
  const auto world = one_rank_communicator();
  const int value = 1;
  world->all_gather(std::as_bytes(std::span(&value, 1)));
  EXPECT_EQ(world->totals().bytes_sent, 0u);
  EXPECT_EQ(world->totals().wait_seconds, 0.0);
}

}  // namespace
}  // namespace gemring
