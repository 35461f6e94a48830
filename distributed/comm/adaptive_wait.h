// Waiting that leaves the cores to those who compute. Internal to distributed/comm.
#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>

namespace gemring::detail {

/// Polls `done` until it is true: without a pause for 20 us (a small message between two ranks of a node), then with
/// sleeps from 5 us that grow by a quarter each, so that a wait ends at most about a quarter later than it could, up to
/// 50 us for 20 ms (who shares in decode waits for milliseconds in each layer) and half a millisecond behind them.
/// Returns the seconds it took.
template <class Done>
double wait_adaptively(Done&& done) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kSpin = std::chrono::microseconds(20);
  constexpr auto kShortWait = std::chrono::milliseconds(20);
  constexpr long kFirstSleep = 5'000;  // ns
  constexpr long kLongestOfShortWait = 50'000;
  constexpr long kLongestSleep = 500'000;
  const auto start = Clock::now();
  long sleep = kFirstSleep;
  while (!done()) {
    const auto waited = Clock::now() - start;
    if (waited < kSpin) continue;
    const timespec pause{0, sleep};
    nanosleep(&pause, nullptr);
    sleep = std::min(sleep + sleep / 4, waited < kShortWait ? kLongestOfShortWait : kLongestSleep);
  }
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace gemring::detail
