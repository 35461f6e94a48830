// Per token and layer of the small model: K or V 128 FLOP, q 256, o 256, MLP 480, in all 1248; attention 64 per query
// and key. Scratch of a block of 5 tokens: 5 x (8 + 2 x 10 + 2 x 8) x 4 = 880 bytes; one thread's panel 656 x 16 x 4,
// in whole pages 45056; 512 activations in 8 bits: 1152. Attention on one rank: 8 bytes of keys seen and 4 x 2 x 4 of
// maxima and sums a query, and a thread's scratch, which depends on the instruction set.
#include "distributed/plan/cost.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "distributed/plan/work_terms.h"
#include "engine/kernels/attention/attention.h"
#include "tests/distributed/plan/small_model.h"
#include "tests/distributed/plan/specs.h"

namespace gemring {
namespace {

constexpr std::uint64_t kScratch = 880 + 45056 + 1152;
constexpr std::uint64_t kScratchOf4 = 704 + 45056 + 1152;
constexpr std::uint64_t kFixed = 20'000'000;

std::uint64_t attention_scratch() {
  return attention_scratch_bytes(4, 2, 4, {}, 1);
}

std::vector<RankCost> costs_of_default(int ranks, const PlanInputs& inputs, Method method = Method::gemfilter) {
  return rank_costs(default_plan(ranks, method, inputs.model.layer_count()), inputs);
}

/// All ranks filter, and are one stage; keys and values go round.
std::vector<RankCost> costs_of_shared(int ranks, PlanInputs inputs) {
  inputs.ring_variant = RingVariant::pass_kv;
  const GroupSpec all = symbol(GroupSpec::Symbol::all);
  return rank_costs(resolve({.name = "shared.json", .filter = all, .stages = {{all, 1, 0}}}, ranks, Method::gemfilter,
                            inputs.model.layer_count()),
                    inputs);
}

TEST(Cost, OneRankCountsWeightsOfBothRolesOnce) {
  const RankCost cost = costs_of_default(1, small_inputs()).at(0);
  EXPECT_EQ(cost.weights_bytes, 8992u);  // 640 + 3 x 2560 + 32 + 640
  EXPECT_EQ(cost.tensors.size(), 30u);
}

TEST(Cost, OneRanksMemoryIsThatOfItsLargerPhase) {
  const RankCost cost = costs_of_default(1, small_inputs()).at(0);
  EXPECT_EQ(cost.filter.kv_cache_bytes, 704u);  // 2 x 11 x 8 x 4: one layer
  EXPECT_EQ(cost.filter.activation_bytes,
            352u + 704u + 176u + 2 * 44u + kScratch + 440u +
                attention_scratch());  // x, q, cos and sin, scores, attention of 11
  EXPECT_EQ(cost.filter.message_buffer_bytes, 0u);
  EXPECT_EQ(cost.stage.kv_cache_bytes, 1344u);  // 3 layers x 2 x (4 + 3) x 8 x 4
  EXPECT_EQ(cost.stage.activation_bytes, 128u + 256u + 112u + 80u + kScratchOf4 + 160u +
                                             attention_scratch());  // x, q, attention of 4; rotations of 7; logits
  EXPECT_EQ(cost.stage.message_buffer_bytes, 0u);
  EXPECT_EQ(cost.total_bytes, 8992u + kFixed + 1344u + 576u + kScratchOf4 + 160u + attention_scratch());
}

// The filter pass needs 3300 bytes and scratch, the prefill 2784 and scratch of 4 tokens.
TEST(Cost, TheFilterPassOfOneRequestMeetsItsOwnWeightsOnly) {
  PlanInputs inputs = small_inputs();
  const std::uint64_t filter = 704u + 1232u + 2 * 44u + kScratch + 440u + attention_scratch();
  inputs.max_new_tokens = 0;
  inputs.prompt_tokens =
      1011;  // 1000 more: K and V, x, rotations, scores, 8 of keys seen, 32 of maxima and sums; queries
  const std::uint64_t longer = 1000u * (64 + 32 + 16 + 2 * 4 + 8 + 32 + 64);
  EXPECT_EQ(costs_of_default(1, inputs).at(0).total_bytes, 4000u + kFixed + filter + longer);
  inputs.requests = 2;
  EXPECT_EQ(costs_of_default(1, inputs).at(0).total_bytes, 8992u + kFixed + filter + longer);
}

TEST(Cost, OneRanksWork) {
  const RankCost cost = costs_of_default(1, small_inputs()).at(0);
  // Layer 0: 11 x 1248 + 64 x (1 + ... + 11); layer 1: K and scores of 11 (128 + 2 x 16 each), q of the last.
  EXPECT_EQ(cost.filter_flop, 13728 + 4224 + 1760 + 256);
  // Layers 0 and 1: 4 x 1248 + 64 x 10 each; layer 2: K, V of 4; q, o, MLP, 4 keys and 2 x 8 x 20 logits of the last.
  EXPECT_EQ(cost.prefill_flop, 2 * (4992 + 640) + 1024 + 992 + 256 + 320);
  EXPECT_EQ(cost.decode_flop_per_token, 3 * 1248 + 3 * 64 * 5 + 320);  // 5 keys: 4 and half of 3 new ones
  EXPECT_EQ(cost.bytes_sent_filter + cost.bytes_sent_prefill + cost.bytes_sent_decode_per_token, 0);
}

TEST(Cost, AWindowBoundsTheKeysOfItsLayersOnly) {
  PlanInputs inputs = small_inputs();
  inputs.model.layers[0].window = 2;
  inputs.model.layers[2].window = 3;
  const RankCost cost = costs_of_default(1, inputs).at(0);
  // 11 queries with a window of 2 see 1 + 10 x 2 = 21 keys; 4 see 7; the last of layer 2 sees 3 of 4.
  EXPECT_EQ(cost.filter_flop, 13728 + 64 * 21 + 1760 + 256);
  EXPECT_EQ(cost.prefill_flop, (4992 + 64 * 7) + (4992 + 640) + 1024 + 992 + 192 + 320);
  EXPECT_EQ(cost.decode_flop_per_token, 3 * 1248 + 64 * (2 + 5 + 3) + 320);
}

TEST(Cost, ARankHoldsTheRotationsOfEveryRope) {
  PlanInputs inputs = small_inputs();
  const RankCost one = costs_of_default(1, inputs).at(0);
  inputs.model.ropes.resize(2);
  const RankCost two = costs_of_default(1, inputs).at(0);
  EXPECT_EQ(two.filter.activation_bytes, one.filter.activation_bytes + 11 * 4 * 4);  // cos and sin of 2 pairs
  EXPECT_EQ(two.stage.activation_bytes, one.stage.activation_bytes + (4 + 3) * 4 * 4);
}

TEST(Cost, AFilteringRankAndStagesHoldTheirLayersOnly) {
  const auto costs = costs_of_default(3, small_inputs());
  EXPECT_EQ(costs[0].weights_bytes, 640u + 2560u + 32u + 512u + 256u);  // layer 1: input norm, q, k
  EXPECT_EQ(costs[1].weights_bytes, 640u + 2 * 2560u);
  EXPECT_EQ(costs[2].weights_bytes, 2560u + 32u + 640u);
  EXPECT_EQ(costs[0].stage.total(), 0u);
  EXPECT_EQ(costs[1].filter.total(), 0u);
  EXPECT_EQ(costs[1].stage.kv_cache_bytes, 896u);  // 2 layers x 2 x 7 x 8 x 4
  EXPECT_EQ(costs[2].stage.kv_cache_bytes, 448u);
  EXPECT_EQ(costs[1].stage.message_buffer_bytes, 256u);  // two generations of 4 x 8 x 4
}

TEST(Cost, ATiedOutputIsTheEmbeddingOfTheLastStage) {
  PlanInputs inputs = small_inputs();
  inputs.model.tied_embeddings = true;
  inputs.tensors.erase(inputs.tensors.begin());  // lm_head
  EXPECT_EQ(costs_of_default(3, inputs).at(2).weights_bytes, 2560u + 32u + 640u);
  EXPECT_EQ(costs_of_default(1, inputs).at(0).weights_bytes, 8992u - 640u);
}

TEST(Cost, APipelineSendsActivationsAndLogits) {
  const auto costs = costs_of_default(3, small_inputs());
  EXPECT_EQ(costs[0].bytes_sent_prefill, 32);   // 4 kept indices and ids to the first stage
  EXPECT_EQ(costs[1].bytes_sent_prefill, 128);  // 4 x 8 x 4
  EXPECT_EQ(costs[2].bytes_sent_prefill, 80);   // one row of logits
  EXPECT_EQ(costs[1].bytes_sent_decode_per_token, 32);
  EXPECT_EQ(costs[2].bytes_sent_decode_per_token, 80);
  PlanInputs narrow = small_inputs();
  narrow.message_type = DataType::bf16;
  EXPECT_EQ(costs_of_default(3, narrow).at(1).bytes_sent_prefill, 64);
}

// 11 positions over 3 members: 0 9 10 | 1 2 7 8 | 3 4 5 6.
TEST(Cost, ASharedFilterPassCountsTheRankOwnPositions) {
  const auto costs = costs_of_shared(3, small_inputs());
  EXPECT_EQ(costs[0].filter_flop, 3 * 1248 + 64 * (1 + 10 + 11) + 3 * 160 + 256);
  EXPECT_EQ(costs[1].filter_flop, 4 * 1248 + 64 * (2 + 3 + 8 + 9) + 4 * 160);
  EXPECT_EQ(costs[0].bytes_sent_filter, 448 + 32 + 128);  // ring: 2 x 7 x 8 x 4, not rank 1's 4; 8 ids; q to two
  EXPECT_EQ(costs[1].bytes_sent_filter, 448 + 16);        // not rank 2's 4; 4 scores
  EXPECT_EQ(costs[2].bytes_sent_filter, 512 + 16);        // not rank 0's 3
}

TEST(Cost, MoreHeadsThatScoreCostAColumnEachAndTheirLayersKeys) {
  PlanInputs inputs = small_inputs();
  const RankCost one = costs_of_shared(3, inputs).at(1);
  inputs.scoring_columns = 5;
  inputs.scoring_layers = 2;
  const RankCost five = costs_of_shared(3, inputs).at(1);
  EXPECT_EQ(five.filter.activation_bytes - one.filter.activation_bytes, 4u * 4 * 4);  // 4 more of 4 tokens
  EXPECT_EQ(five.bytes_sent_filter - one.bytes_sent_filter, 4 * 4 * 4);
  const std::uint64_t first = costs_of_shared(3, small_inputs()).at(0).filter.activation_bytes;
  const RankCost of_first = costs_of_shared(3, inputs).at(0);
  // Its own 3 tokens', those of all 11, and those of another member's 4 on their way.
  EXPECT_EQ(of_first.filter.activation_bytes - first, 4u * 4 * (3 + 11 + 4));
  PlanInputs asks_more = inputs;
  asks_more.scoring_queries = 3;  // of two layers, to two members
  EXPECT_EQ(costs_of_shared(3, asks_more).at(0).bytes_sent_filter - of_first.bytes_sent_filter,
            4.0 * 2 * 2 * 2 * inputs.model.query_width());
  const LayerFlop flop(inputs.model);
  EXPECT_DOUBLE_EQ(five.filter_flop - one.filter_flop, 4 * (flop.keys + 4 * 2.0 * inputs.model.query_width()));
}

TEST(Cost, ASharedFilterPassNeedsRingBuffers) {
  PlanInputs inputs = small_inputs();
  const RankCost same_type = costs_of_shared(3, inputs).at(1);
  EXPECT_EQ(same_type.filter.kv_cache_bytes, 256u);
  EXPECT_EQ(same_type.filter.activation_bytes,
            128u + 256u + 64u + 16u + 32u + 384u + kScratchOf4 + attention_scratch());  // o, m, l: 4 x 4 x (4 + 2) x 4
  EXPECT_EQ(same_type.filter.message_buffer_bytes, 512u);                               // 2 x (2 x 4 x 8 x 4)
  inputs.message_type = DataType::bf16;
  EXPECT_EQ(costs_of_shared(3, inputs).at(1).filter.message_buffer_bytes, 384u);  // 2 x 128, and the own 128 narrowed
}

TEST(Cost, KeysOfANarrowCacheTravelAsTheyAre) {
  PlanInputs inputs = small_inputs();
  inputs.kv_type = DataType::bf16;
  EXPECT_EQ(costs_of_shared(3, inputs).at(0).bytes_sent_filter, 224 + 32 + 128);  // half of f32's 448
  EXPECT_EQ(costs_of_shared(3, inputs).at(1).filter.message_buffer_bytes, 256u);  // 2 x 128, none for the own
}

TEST(Cost, WhatIsKeptOfTextsIsSharedByThoseThatFilter) {
  PlanInputs inputs = small_inputs();
  inputs.index_bytes = 3000;
  EXPECT_EQ(costs_of_shared(3, inputs).at(1).fixed_bytes, kFixed);  // an exact pass keeps nothing
  inputs.window = {4, 1, 8};
  for (const RankCost& cost : costs_of_shared(3, inputs)) EXPECT_EQ(cost.fixed_bytes, kFixed + 1000);
  EXPECT_EQ(costs_of_default(2, inputs).at(0).fixed_bytes, kFixed + 3000);
  EXPECT_EQ(costs_of_default(2, inputs).at(1).fixed_bytes, kFixed);
}

// 4 positions over 3 members: 3 | 0 2 | 1.
TEST(Cost, ASharedStageSharesPrefillAndDecode) {
  const auto costs = costs_of_shared(3, small_inputs());
  EXPECT_EQ(costs[0].prefill_flop, 2 * (1248 + 64 * 4) + 256 + 992 + 256 + 320);
  EXPECT_EQ(costs[1].prefill_flop, 2 * (2 * 1248 + 64 * (1 + 3)) + 512);
  EXPECT_EQ(costs[0].bytes_sent_prefill, 3 * 128 + 64);  // ring: 2 x 2 x 8 x 4 per layer; indices and ids
  EXPECT_EQ(costs[1].bytes_sent_prefill, 3 * 192);
  EXPECT_EQ(costs[1].stage.kv_cache_bytes, 576u);  // 3 layers x 2 x (2 + 1) x 8 x 4
  EXPECT_EQ(costs[0].decode_flop_per_token, 3 * 1248 + 3 * 64 * 5 / 3 + 320);
  EXPECT_EQ(costs[1].decode_flop_per_token, 3 * 64 * 5 / 3);
  EXPECT_EQ(costs[0].bytes_sent_decode_per_token, 3 * 2 * 128);  // q, k, v to two members, per layer
  EXPECT_EQ(costs[1].bytes_sent_decode_per_token, 3 * 96);       // o, m, l
}

TEST(Cost, KeptTokensAreSentAlongTheTreeToTheFirstStage) {
  const PlanInputs inputs = small_inputs();
  const auto idle = costs_of_default(11, inputs);  // filter, three stages of one rank, seven idle ranks
  EXPECT_EQ(idle[0].bytes_sent_prefill, 32);       // 4 kept indices and ids to rank 1
  EXPECT_EQ(idle[4].bytes_sent_prefill, 0);
  // A first stage on ranks 5 and 8: 0 sends to 4 and 7, they to 5 and 8.
  const ClusterSpec spec{.name = "s.json",
                         .filter = symbol(GroupSpec::Symbol::first),
                         .stages = {{group({5, 8}), 1, 1}, {group({10}), 1, 0}}};
  const auto far = rank_costs(resolve(spec, 11, Method::gemfilter, 3), inputs);
  EXPECT_EQ(far[0].bytes_sent_prefill, 2 * 32);
  EXPECT_EQ(far[4].bytes_sent_prefill, 32);
  EXPECT_EQ(far[7].bytes_sent_prefill, 32);
  EXPECT_EQ(far[9].bytes_sent_prefill, 0);
}

TEST(Cost, EveryChunkIsCountedByItsVariant) {
  const ClusterSpec spec{.name = "shards.json",
                         .filter = symbol(GroupSpec::Symbol::first),
                         .stages = {{group({1, 2, 3}), 2, 0}},
                         .chunk_length = 2};
  PlanInputs inputs = small_inputs();
  const auto cost_by = [&](RingVariant variant) {
    inputs.ring_variant = variant;
    return rank_costs(resolve(spec, 4, Method::gemfilter, 3), inputs).at(1);
  };
  // Two chunks of 2 over ranks 1 and 2, layers 0 and 1: one token of 64 bytes each. Links: 32 a token, two generations.
  const RankCost keys = cost_by(RingVariant::pass_kv);
  EXPECT_EQ(keys.bytes_sent_prefill, 2 * (64 + 128) + 2 * 32);  // the second chunk's block has both tokens
  EXPECT_EQ(keys.stage.message_buffer_bytes, 64u + 128u);
  const RankCost queries = cost_by(RingVariant::pass_q);
  EXPECT_EQ(queries.bytes_sent_prefill, 2 * 2 * (64 + 96) + 2 * 32);  // q, and the other's o, m, l
  EXPECT_EQ(queries.stage.message_buffer_bytes, 64u + 64u + 2 * 96u);
}

TEST(Cost, NoFilterPassRunsWhereEverythingIsKept) {
  PlanInputs inputs = small_inputs();
  inputs.keep = 11;
  const auto costs = costs_of_default(2, inputs);
  EXPECT_EQ(costs[0].filter.total(), 0u);
  EXPECT_EQ(costs[0].filter_flop, 0);
  EXPECT_EQ(costs[0].total_bytes, kFixed);          // its weights are mapped and never read
  EXPECT_EQ(costs[1].stage.kv_cache_bytes, 2688u);  // 3 layers x 2 x 14 x 8 x 4
  inputs.weights_shared = false;
  EXPECT_EQ(costs_of_default(2, inputs).at(0).total_bytes, 4000u + kFixed);
}

TEST(Cost, TheFullMethodSendsThePromptThroughTheStages) {
  const auto costs = costs_of_default(1, small_inputs(), Method::full);
  EXPECT_EQ(costs[0].filter.total(), 0u);
  EXPECT_EQ(costs[0].prefill_flop, 2 * (11 * 1248 + 64 * 66) + 11 * 256 + 992 + 64 * 11 + 320);
}

TEST(Cost, HalfPrecisionCachesAreHalfAsLarge) {
  PlanInputs inputs = small_inputs();
  inputs.kv_type = DataType::bf16;
  EXPECT_EQ(costs_of_default(1, inputs).at(0).stage.kv_cache_bytes, 672u);
}

TEST(Cost, AnIdleRankNeedsNoWeights) {
  const RankCost cost = costs_of_default(5, small_inputs()).at(4);  // 3 layers: ranks 1 to 3
  EXPECT_EQ(cost.weights_bytes, 0u);
  EXPECT_EQ(cost.total_bytes, kFixed);
  EXPECT_EQ(cost.prefill_flop + cost.decode_flop_per_token, 0);
}

TEST(Cost, TheTableHasOneRowPerRankInEachPart) {
  const std::string table = describe(costs_of_default(2, small_inputs()));
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 2 + 2 + 2 + 2);
  EXPECT_NE(table.find(" 20.0 "), std::string::npos) << table;  // MB that every rank takes
}

}  // namespace
}  // namespace gemring
