#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <functional>

#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void sleep_200_ms() {
  timespec rest{0, 200'000'000};
  nanosleep(&rest, nullptr);
}

struct Wait {
  double seconds = 0;
  double computed_share = 1;  // of them, by this process
};

/// Rank 0 sleeps before `wait`; the others wait for it meanwhile.
Wait wait_for_rank_0(const std::function<void()>& wait) {
  world().barrier();
  const double cpu = cpu_seconds();
  const double waited = world().totals().wait_seconds;
  if (world().member() == 0) sleep_200_ms();
  wait();
  const double seconds = world().totals().wait_seconds - waited;
  return {seconds, (cpu_seconds() - cpu) / seconds};
}

/// The best of three times: on a busy machine a rank may come late out of the barrier, and what `wait` does behind the
/// sleep counts too, which takes long with sanitizers. A rank that spins has two thirds of a core each time, where
/// three of them share two cores.
void expect_others_sleep_too(const std::function<void()>& wait) {
  Wait best;
  for (int time = 0; time < 3; ++time) {
    const Wait one = wait_for_rank_0(wait);
    best = {std::max(best.seconds, one.seconds), std::min(best.computed_share, one.computed_share)};
  }
  if (world().member() == 0) return;
  EXPECT_GT(best.seconds, 0.100);
  EXPECT_LT(best.computed_share, 0.4);
}

TEST(Waiting, ForAMessageBurnsNoCpu) {
  expect_others_sleep_too([] {
    std::int32_t value = 1;
    if (world().member() > 0) return receive(world(), std::span(&value, 1), 0, MessageKind::control).wait();
    for (int to = 1; to < world().size(); ++to) {
      send(world(), std::span<const std::int32_t>(&value, 1), to, MessageKind::control).wait();
    }
  });
}

TEST(Waiting, InABroadcastBurnsNoCpu) {
  expect_others_sleep_too([] {
    std::int32_t value = 1;
    world().broadcast(std::as_writable_bytes(std::span(&value, 1)), 0);
  });
}

TEST(Waiting, InABarrierBurnsNoCpu) {
  expect_others_sleep_too([] { world().barrier(); });
}

TEST(Waiting, InAnAllGatherBurnsNoCpu) {
  expect_others_sleep_too([] { world().all_gather({}); });
}

TEST(Waiting, ForAGroupBurnsNoCpu) {
  expect_others_sleep_too([] { world().group(std::vector<int>{0}); });
}

}  // namespace
}  // namespace gemring
