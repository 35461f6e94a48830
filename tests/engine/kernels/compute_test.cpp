#include "engine/kernels/compute.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "tests/engine/kernels/use_compute.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

using enum ComputeType;

constexpr Compute kF32{f32, f32, f32};

TEST(ChooseCompute, NothingWantedTakesWhatTheInstructionSetDoesFastest) {
  for (const bool bf16_is_faster : {false, true}) {
    EXPECT_EQ(choose_compute(std::nullopt, Isa::portable, bf16_is_faster), kF32);
    EXPECT_EQ(choose_compute(std::nullopt, Isa::avx512, bf16_is_faster), kF32);
    EXPECT_EQ(choose_compute(std::nullopt, Isa::avx512vnni, bf16_is_faster), (Compute{f32, int8, int8}));
    EXPECT_EQ(choose_compute(std::nullopt, Isa::amx, bf16_is_faster), (Compute{bf16, bf16, int8}));
  }
  EXPECT_EQ(choose_compute(std::nullopt, Isa::avx512bf16, false), (Compute{f32, int8, int8}));
  EXPECT_EQ(choose_compute(std::nullopt, Isa::avx512bf16, true), (Compute{bf16, int8, int8}));
}

TEST(ChooseCompute, AWishIsTakenAtItsWord) {
  EXPECT_EQ(choose_compute(f32, Isa::amx, true), kF32);
  EXPECT_EQ(choose_compute(bf16, Isa::amx, false), (Compute{bf16, bf16, f32}));
  EXPECT_EQ(choose_compute(bf16, Isa::avx512bf16, false), (Compute{bf16, bf16, f32}));
  EXPECT_EQ(choose_compute(int8, Isa::avx512vnni, true), (Compute{f32, int8, int8}));
  EXPECT_EQ(choose_compute(int8, Isa::amx, true), (Compute{bf16, int8, int8}));
}

TEST(TypeOfProducts, DependsOnHowManyTokensAndHowWeightsAreStored) {
  const Compute compute{bf16, int8, int8};
  EXPECT_EQ(type_of_products(compute, 2, DataType::bf16), bf16);
  EXPECT_EQ(type_of_products(compute, 2, DataType::q8_0), int8);
  EXPECT_EQ(type_of_products(compute, 1, DataType::q8_0), int8);
  EXPECT_EQ(type_of_products(compute, 1, DataType::bf16), f32);
  EXPECT_EQ(type_of_products(kF32, 2, DataType::q8_0), f32);
}

TEST(TypeOfPromptLogits, TheFirstTokenIsNotChosenIn8BitsWhereThePromptRanInBf16) {
  const Compute amx{bf16, bf16, int8};
  EXPECT_EQ(type_of_prompt_logits(amx, 1, DataType::q8_0), bf16);
  EXPECT_EQ(type_of_prompt_logits(amx, 2, DataType::q8_0), bf16);
  EXPECT_EQ(type_of_prompt_logits(amx, 1, DataType::bf16), f32) << "exact activations are better still";
  const Compute vnni{f32, int8, int8};
  EXPECT_EQ(type_of_prompt_logits(vnni, 1, DataType::q4_k), int8) << "as the prompt";
  EXPECT_EQ(type_of_prompt_logits(kF32, 1, DataType::q8_0), f32);
  EXPECT_EQ(type_of_prompt_logits({bf16, bf16, f32}, 1, DataType::q8_0), f32) << "--compute bf16";
}

TEST(ChooseCompute, AWishThatTheInstructionSetCannotFulfilIsRefused) {
  EXPECT_THROW(choose_compute(int8, Isa::avx512, true), ConfigError);
  const std::string error = test::error_of<ConfigError>([] { choose_compute(bf16, Isa::avx2, true); });
  EXPECT_EQ(error, "--compute: bf16 wants the kernels of avx512bf16, these are avx2 | use --compute auto or f32");
}

TEST(ActiveCompute, IsF32UntilSet) {
  EXPECT_EQ(active_compute(), kF32);
  {
    const test::UseCompute use({bf16, bf16, int8});
    EXPECT_EQ(active_compute(), (Compute{bf16, bf16, int8}));
  }
  EXPECT_EQ(active_compute(), kF32);
}

}  // namespace
}  // namespace gemring
