#include "engine/kernels/isa.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/kernels/every_table.h"
#include "engine/kernels/kernel_table.h"
#include "tests/engine/kernels/every_isa.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

/// On a machine with everything: a number that names no set.
Isa beyond_this_machine() {
  return static_cast<Isa>(static_cast<int>(detected_isa()) + 1);
}

TEST(Isa, NamesReadBack) {
  for (const Isa isa : kEveryIsa) EXPECT_EQ(parse_isa(name(isa)), isa);
  EXPECT_EQ(name(Isa::avx2), "avx2");
  EXPECT_EQ(parse_isa("AVX2"), std::nullopt);
  EXPECT_EQ(parse_isa(""), std::nullopt);
  EXPECT_EQ(parse_isa("sse2"), std::nullopt);
}

TEST(Isa, TheKernelsAreThoseOfTheActiveSet) {
  test::with_every_isa([] { EXPECT_EQ(&kernels(), &kernels_of(active_isa())); });
}

// A machine with AVX2 alone once died of an AVX-512 instruction in the code that entered AVX-512's kernels in a table
// that it would never use.
TEST(Isa, TheTablesOfASetNeedNothingOfTheSetsAboveIt) {
  const Isa best = detected_isa();
  const std::vector<KernelTable> all = tables_up_to(best);
  ASSERT_EQ(all.size(), static_cast<std::size_t>(best) + 1);
  for (int isa = 0; isa <= static_cast<int>(best); ++isa) {
    const std::vector<KernelTable> some = tables_up_to(static_cast<Isa>(isa));
    ASSERT_EQ(some.size(), static_cast<std::size_t>(isa) + 1);
    for (std::size_t i = 0; i < some.size(); ++i) {
      EXPECT_EQ(some[i].attention_tile, all[i].attention_tile);
      EXPECT_EQ(some[i].attention_tile_bf16, all[i].attention_tile_bf16);
      EXPECT_EQ(some[i].tiles.multiply, all[i].tiles.multiply);
      EXPECT_EQ(some[i].int8.multiply, all[i].int8.multiply);
    }
  }
}

TEST(Isa, EveryWidthOfVectorsHasATableOfItsOwn) {
  const Isa best = std::min(detected_isa(), Isa::avx512);  // those above it replace entries
  for (int isa = 1; isa <= static_cast<int>(best); ++isa) {
    const KernelTable& wider = kernels_of(static_cast<Isa>(isa));
    const KernelTable& narrower = kernels_of(static_cast<Isa>(isa - 1));
    EXPECT_NE(wider.attention_tile, narrower.attention_tile) << name(static_cast<Isa>(isa));
    EXPECT_NE(wider.widen, narrower.widen) << name(static_cast<Isa>(isa));
  }
}

TEST(Isa, ASetThatTheMachineLacksIsRefusedAndChangesNothing) {
  const Isa before = active_isa();
  const std::string error = test::error_of<ConfigError>([] { set_active_isa(beyond_this_machine()); });
  EXPECT_TRUE(test::contains(error, "GEMRING_ISA: this machine runs " + std::string(name(detected_isa())) + ", not "));
  EXPECT_TRUE(test::contains(error, "| ask for a lower instruction set"));
  EXPECT_EQ(active_isa(), before);
  EXPECT_THROW(kernels_of(beyond_this_machine()), InternalError);
}

}  // namespace
}  // namespace gemring
