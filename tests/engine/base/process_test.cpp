#include "engine/base/process.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>

namespace gemring {
namespace {

TEST(Process, TheHostHasAName) {
  EXPECT_FALSE(host_name().empty());
}

TEST(Process, ThePeakGrowsWithTouchedMemory) {
  constexpr std::size_t kBytes = 64u << 20;
  const std::uint64_t before = peak_rss_bytes();
  // Not from the heap: a compiler may drop memory whose contents nobody reads.
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  EXPECT_GE(peak_rss_bytes(), before + kBytes / 2);
  munmap(memory, kBytes);
}

TEST(Process, ThePeakCanBeForgotten) {
  constexpr std::size_t kBytes = 64u << 20;
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const std::uint64_t before = peak_rss_bytes();
  munmap(memory, kBytes);
  if (!reset_peak_rss()) GTEST_SKIP() << "this kernel does not reset the peak";
  EXPECT_LE(peak_rss_bytes(), before - kBytes / 2);
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
