#include "launch/start/job.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

TEST(HostNumbers, FollowTheOrderOfRanks) {
  EXPECT_EQ(host_numbers({"b", "a", "b", "c", "a"}), (std::vector<std::int32_t>{0, 1, 0, 2, 1}));
  EXPECT_TRUE(host_numbers({}).empty());
}

}  // namespace
}  // namespace gemring
