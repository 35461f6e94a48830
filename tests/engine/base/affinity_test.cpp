#include "engine/base/affinity.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <thread>
#include <vector>

#include "engine/base/process.h"

namespace gemring {
namespace {

void bind_to(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(processor), &set);
  ASSERT_EQ(sched_setaffinity(0, sizeof set, &set), 0);
}

/// Of a thread that is made here and now.
std::vector<int> cores_of_new_thread(bool uses_share) {
  std::vector<int> cores;
  std::thread([&] {
    if (uses_share) begin_thread("tested");
    cores = thread_cores();
  }).join();
  return cores;
}

class WholeShare : public testing::Test {
 protected:
  void SetUp() override {
    if (share_.size() < 2) GTEST_SKIP() << "one processor is all there is";
    ASSERT_TRUE(set_whole_share(share_));
    bind_to(share_.front());
  }
  void TearDown() override { set_whole_share(share_); }

  std::vector<int> share_ = allowed_cores();
};

TEST_F(WholeShare, IsWhatAThreadOfABoundOneMayUse) {
  EXPECT_EQ(cores_of_new_thread(false), std::vector<int>{share_.front()});  // what it would inherit
  EXPECT_EQ(cores_of_new_thread(true), share_);
}

TEST_F(WholeShare, IsGivenToThreadsThatWereMadeBefore) {
  std::atomic<bool> made = false, look = false;
  std::vector<int> before, after;
  std::thread early([&] {
    before = thread_cores();
    made = true;
    made.notify_one();
    look.wait(false);
    after = thread_cores();
  });
  made.wait(false);
  EXPECT_TRUE(set_whole_share(share_));
  look = true;
  look.notify_one();
  early.join();
  EXPECT_EQ(before, std::vector<int>{share_.front()});
  EXPECT_EQ(after, share_);
}

TEST(WholeShareUnset, ChangesNothing) {
  ASSERT_TRUE(set_whole_share({}));
  EXPECT_EQ(cores_of_new_thread(true), thread_cores());
}

}  // namespace
}  // namespace gemring
