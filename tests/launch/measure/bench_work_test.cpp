#include "launch/measure/bench_work.h"

#include <gtest/gtest.h>

#include "tests/distributed/plan/small_model.h"

namespace gemring {
namespace {

// The small model: 3 layers of 2560 bytes, embedding and output 640 each (20 rows of 32), output norm 32; K and V of a
// token and layer 2 x 8 x 4 = 64 bytes.

TEST(BenchWork, TheFirstTokenTakesTheFilterPassAndThePrefill) {
  const PlanInputs inputs = small_inputs();
  const auto costs = rank_costs(default_plan(1, Method::gemfilter, inputs.model.layer_count()), inputs);
  // As in tests/distributed/plan/cost_test.cpp (OneRanksWork).
  EXPECT_EQ(flop_to_first_token(costs), (13728 + 4224 + 1760 + 256) + (2 * (4992 + 640) + 1024 + 992 + 256 + 320));
}

TEST(BenchWork, RanksShareTheWorkOfOne) {
  const PlanInputs inputs = small_inputs();
  const auto one = rank_costs(default_plan(1, Method::full, inputs.model.layer_count()), inputs);
  const auto three = rank_costs(default_plan(3, Method::full, inputs.model.layer_count()), inputs);
  EXPECT_EQ(flop_to_first_token(one), flop_to_first_token(three));
}

TEST(BenchWork, EveryStepReadsAllWeightsButOfTheEmbeddingOneRow) {
  const PlanInputs inputs = small_inputs();
  // 3 x 2560 + 32 + 640 + 32; one layer's keys of 12, 13 and 14 tokens
  EXPECT_EQ(decode_bytes(inputs.model, inputs.tensors, DataType::f32, 11, 3), 3 * 8384 + 3 * (12 + 13 + 14) * 64);
  EXPECT_EQ(decode_bytes(inputs.model, inputs.tensors, DataType::bf16, 11, 3), 3 * 8384 + 3 * (12 + 13 + 14) * 32);
}

TEST(BenchWork, AWindowBoundsTheKeysThatAreRead) {
  PlanInputs inputs = small_inputs();
  inputs.model.layers[0].window = 2;
  inputs.model.layers[2].window = 13;
  EXPECT_EQ(decode_bytes(inputs.model, inputs.tensors, DataType::f32, 11, 3),
            3 * 8384 + (3 * 2 + (12 + 13 + 14) + (12 + 13 + 13)) * 64);
}

TEST(BenchWork, AnEmbeddingThatIsTheOutputMatrixIsReadWhole) {
  PlanInputs inputs = small_inputs();
  inputs.model.tied_embeddings = true;
  EXPECT_EQ(decode_bytes(inputs.model, inputs.tensors, DataType::f32, 0, 1), (3 * 2560 + 32 + 640) + 3 * 64);
}

TEST(BenchWork, TheWeightsTypeIsThatOfMostBytes) {
  EXPECT_EQ(prevailing_type({{"a", DataType::f32, {8}, 32}, {"b", DataType::q8_0, {64}, 68}}), DataType::q8_0);
  EXPECT_EQ(prevailing_type({{"a", DataType::f32, {32}, 128}, {"b", DataType::q8_0, {64}, 68}}), DataType::f32);
}

}  // namespace
}  // namespace gemring
