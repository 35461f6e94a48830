#include "engine/base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "engine/base/clock.h"

namespace gemring {
namespace {

/// Numbers from one thread to another.
class Numbers {
 public:
  void put(int number) {
    {
      const MutexLock held(mutex_);
      numbers_.push_back(number);
    }
    filled_.notify_one();
  }
  int take() {
    const MutexLock held(mutex_);
    while (numbers_.empty()) filled_.wait(mutex_);
    const int number = numbers_.front();
    numbers_.erase(numbers_.begin());
    return number;
  }
  bool wait(double seconds) {
    const MutexLock held(mutex_);
    return filled_.wait_for(mutex_, seconds);
  }

 private:
  Mutex mutex_;
  CondVar filled_;
  std::vector<int> numbers_ GEMRING_GUARDED_BY(mutex_);
};

TEST(Mutex, ConditionsWakeWhoWaitsAndNothingIsLost) {
  constexpr int kCount = 20000;
  Numbers numbers;
  std::thread puts([&] {
    for (int i = 0; i < kCount; ++i) numbers.put(i);
  });
  for (int i = 0; i < kCount; ++i) EXPECT_EQ(numbers.take(), i);
  puts.join();
}

TEST(Mutex, AWaitWithoutNewsEndsWithItsTime) {
  Numbers numbers;
  const double begin = steady_seconds();
  EXPECT_FALSE(numbers.wait(0.02));
  EXPECT_GE(steady_seconds() - begin, 0.02);
}

TEST(Mutex, IsFreeBehindItsLockAndWhileThatLetsItGo) {
  Mutex mutex;
  const auto is_free = [&] {
    bool free = false;
    std::thread([&] {
      if (!mutex.try_lock()) return;
      free = true;
      mutex.unlock();
    }).join();
    return free;
  };
  {
    MutexLock held(mutex);
    EXPECT_FALSE(is_free());
    held.unlock();
    EXPECT_TRUE(is_free());
    held.lock();
    EXPECT_FALSE(is_free());
  }
  EXPECT_TRUE(is_free());
  if (mutex.try_lock()) {
    const MutexLock held(mutex, std::adopt_lock);
    EXPECT_FALSE(is_free());
  }
  EXPECT_TRUE(is_free());
}

TEST(TimedMutex, WhoGivesUpDoesNotHoldItAndWhoWaitsLongEnoughDoes) {
  TimedMutex mutex;
  const auto got_it = [&](std::chrono::milliseconds longest) {
    bool got = false;
    std::thread([&] {
      if (!mutex.try_lock_for(longest)) return;
      const MutexLock held(mutex, std::adopt_lock);
      got = true;
    }).join();
    return got;
  };
  {
    const MutexLock held(mutex);
    EXPECT_FALSE(got_it(std::chrono::milliseconds(5)));
  }
  EXPECT_TRUE(got_it(std::chrono::milliseconds(0)));
  EXPECT_TRUE(got_it(std::chrono::milliseconds(5)));
}

}  // namespace
}  // namespace gemring
