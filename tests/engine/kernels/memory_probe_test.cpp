#include "engine/kernels/memory_probe.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "engine/kernels/kernel_table.h"
#include "tests/engine/kernels/every_isa.h"

namespace gemring {
namespace {

TEST(ReadProbe, ReadsEveryWordOnce) {
  std::vector<std::uint32_t> words(3 * 128);
  std::iota(words.begin(), words.end(), 1u);
  test::with_every_isa([&] { EXPECT_EQ(kernels().read_probe(words.data(), words.size()), 384u * 385u / 2u); });
}

TEST(MemoryProbe, GivesARate) {
  test::with_every_isa([] { EXPECT_GT(MemoryProbe(16u << 20).read_gbs(), 0.0); });
}

}  // namespace
}  // namespace gemring
