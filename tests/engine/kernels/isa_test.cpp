#include "engine/kernels/isa.h"

#include <gtest/gtest.h>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/kernels/kernel_table.h"
#include "tests/engine/kernels/every_isa.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

Isa beyond_this_machine() {
  return static_cast<Isa>(static_cast<int>(detected_isa()) + 1);
}

TEST(Isa, NamesReadBack) {
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) EXPECT_EQ(parse_isa(name(isa)), isa);
  EXPECT_EQ(name(Isa::avx2), "avx2");
  EXPECT_EQ(parse_isa("AVX2"), std::nullopt);
  EXPECT_EQ(parse_isa(""), std::nullopt);
  EXPECT_EQ(parse_isa("sse2"), std::nullopt);
}

TEST(Isa, TheKernelsAreThoseOfTheActiveSet) {
  test::with_every_isa([] { EXPECT_EQ(&kernels(), &kernels_of(active_isa())); });
}

TEST(Isa, EverySetHasATableOfItsOwn) {
  const auto isas = test::isas_of_this_machine();
  for (std::size_t i = 1; i < isas.size(); ++i) {
    EXPECT_NE(kernels_of(isas[i]).attention_tile, kernels_of(isas[i - 1]).attention_tile) << name(isas[i]);
    EXPECT_NE(kernels_of(isas[i]).widen, kernels_of(isas[i - 1]).widen) << name(isas[i]);
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
