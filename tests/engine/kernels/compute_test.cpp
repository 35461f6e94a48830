#include "engine/kernels/compute.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "tests/engine/kernels/use_compute.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

constexpr Compute kF32{ComputeType::f32, ComputeType::f32};

TEST(ChooseCompute, NothingWantedTakesWhatTheInstructionSetDoesFastest) {
  EXPECT_EQ(choose_compute(std::nullopt, Isa::portable), kF32);
  EXPECT_EQ(choose_compute(std::nullopt, Isa::avx512), kF32);
  EXPECT_EQ(choose_compute(std::nullopt, Isa::avx512vnni), (Compute{ComputeType::f32, ComputeType::int8}));
  EXPECT_EQ(choose_compute(std::nullopt, Isa::avx512bf16), (Compute{ComputeType::f32, ComputeType::int8}));
  EXPECT_EQ(choose_compute(std::nullopt, Isa::amx), (Compute{ComputeType::bf16, ComputeType::int8}));
}

TEST(ChooseCompute, AWishIsTakenAtItsWord) {
  EXPECT_EQ(choose_compute(ComputeType::f32, Isa::amx), kF32);
  EXPECT_EQ(choose_compute(ComputeType::bf16, Isa::amx), (Compute{ComputeType::bf16, ComputeType::f32}));
  EXPECT_EQ(choose_compute(ComputeType::bf16, Isa::avx512bf16), (Compute{ComputeType::bf16, ComputeType::f32}));
  EXPECT_EQ(choose_compute(ComputeType::int8, Isa::avx512vnni), (Compute{ComputeType::f32, ComputeType::int8}));
}

TEST(ChooseCompute, AWishThatTheInstructionSetCannotFulfilIsRefused) {
  EXPECT_THROW(choose_compute(ComputeType::int8, Isa::avx512), ConfigError);
  const std::string error = test::error_of<ConfigError>([] { choose_compute(ComputeType::bf16, Isa::avx2); });
  EXPECT_EQ(error, "--compute: bf16 wants the kernels of avx512bf16, these are avx2 | use --compute auto or f32");
}

TEST(ActiveCompute, IsF32UntilSet) {
  EXPECT_EQ(active_compute(), kF32);
  {
    const test::UseCompute use({ComputeType::bf16, ComputeType::int8});
    EXPECT_EQ(active_compute(), (Compute{ComputeType::bf16, ComputeType::int8}));
  }
  EXPECT_EQ(active_compute(), kF32);
}

}  // namespace
}  // namespace gemring
