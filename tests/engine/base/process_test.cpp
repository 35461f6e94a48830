#include "engine/base/process.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace gemring {
namespace {

TEST(Process, TheHostHasAName) {
  EXPECT_FALSE(host_name().empty());
}

TEST(Process, ThePeakGrowsWithTouchedMemory) {
  constexpr std::size_t kBytes = 64u << 20;
  const std::uint64_t before = peak_rss_bytes();
  std::vector<char> memory(kBytes);
  for (std::size_t i = 0; i < kBytes; i += 4096) const_cast<volatile char&>(memory[i]) = 1;  // or the compiler drops it
  EXPECT_GE(peak_rss_bytes(), before + kBytes / 2);
}

TEST(Process, SomeMemoryIsAvailable) {
  EXPECT_GT(available_memory_bytes(), 1u << 20);
}

TEST(Process, TheProcesssCoresAreAmongTheNodes) {
  const auto allowed = allowed_cores();
  const auto node = node_cores();
  ASSERT_FALSE(allowed.empty());
  EXPECT_TRUE(std::is_sorted(allowed.begin(), allowed.end()));
  EXPECT_TRUE(std::includes(node.begin(), node.end(), allowed.begin(), allowed.end()));
}

}  // namespace
}  // namespace gemring
