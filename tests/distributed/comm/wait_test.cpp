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

/// Rank 0 sleeps before `wait`; the others wait for it meanwhile: the share of that time in which this process
/// computed.
double computed_share(const std::function<void()>& wait) {
  world().barrier();
  const double cpu = cpu_seconds();
  const double waited = world().totals().wait_seconds;
  if (world().member() == 0) sleep_200_ms();
  wait();
  const double seconds = world().totals().wait_seconds - waited;
  if (world().member() == 0) return 0;
  EXPECT_GT(seconds, 0.150);
  return (cpu_seconds() - cpu) / seconds;
}

/// The least of three times: what `wait` does behind the sleep counts too, and takes long on a busy machine with
/// sanitizers. A rank that spins has two thirds of a core each time, where three of them share two cores.
void expect_others_sleep_too(const std::function<void()>& wait) {
  double share = 1;
  for (int time = 0; time < 3; ++time) share = std::min(share, computed_share(wait));
  EXPECT_LT(share, 0.4);
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
