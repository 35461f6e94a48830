// The small model (small_model.h) on the slow machine (small_machines.h). Per token and layer 1248 FLOP, 64 a query and
// key. In blocks of 5 tokens a layer takes 5 x 1248 / 2000 = 3.12 s, a single token 1.248 s.
#include "distributed/plan/prediction.h"

#include <gtest/gtest.h>

#include "tests/distributed/plan/small_machines.h"
#include "tests/distributed/plan/small_model.h"
#include "tests/distributed/plan/specs.h"

namespace gemring {
namespace {

constexpr PredictionOptions kAllHidden{.overlap = 1};

ClusterPlan shared_plan(int ranks, std::int32_t cut = 1) {
  const GroupSpec all = symbol(GroupSpec::Symbol::all);
  return resolve({.name = "s.json", .filter = all, .stages = {{all, cut, 0}}}, ranks, Method::gemfilter, 3);
}

constexpr LinkSpeed kNoTime{1e30, 0};

Prediction predicted(const ClusterPlan& plan, const PlanInputs& inputs, const MachinesSpec& spec,
                     const PredictionOptions& options = kAllHidden) {
  return predict(plan, inputs, rank_costs(plan, inputs), machines_of(spec, plan.ranks, {}, "c.json"), options);
}

MachinesSpec machines_on_fast_links() {
  MachinesSpec spec = small_machines();
  spec.hosts[0].link = spec.hosts[0].inside = kNoTime;
  return spec;
}

Prediction on_slow_machines(const ClusterPlan& plan, const MachinesSpec& spec = machines_on_fast_links(),
                            const PredictionOptions& options = kAllHidden) {
  return predicted(plan, small_inputs(), spec, options);
}

MachinesSpec two_ranks_per_host(const LinkSpeed& inside) {
  MachinesSpec spec = small_machines();
  spec.ranks_per_host = 2;
  spec.hosts[0].cores = 2;
  spec.hosts[0].inside = inside;
  return spec;
}

TEST(Prediction, OneRankTakesWhatItsWorkTakes) {
  const Prediction made = on_slow_machines(shared_plan(1));
  // Layer 0 of 11 tokens 3.12 + 3.12 + 1.248, its 66 pairs 4.224; K and scores (160 a token) 0.4 + 0.4 + 0.16; the
  // last token's query 0.256.
  EXPECT_NEAR(made.filter.seconds, 7.488 + 4.224 + 0.96 + 0.256, 1e-9);
  // Layers 0 and 1 of 4 tokens 4 x 1248 / 2000 and 10 pairs; K, V of 4; q, o, MLP, logits (1312) and 4 keys of the
  // last.
  EXPECT_NEAR(made.prefill.seconds, 2 * (2.496 + 0.64) + 0.512 + 1.312 + 0.256, 1e-9);
  EXPECT_NEAR(made.decode_per_token.seconds, 3 * 1.248 + 0.32 + 3 * 5 * 0.064, 1e-9);
  EXPECT_EQ(made.select.seconds, 0);
  EXPECT_EQ(made.filter.exposed + made.prefill.exposed + made.decode_per_token.exposed, 0);
  EXPECT_NEAR(made.first_token(), made.filter.seconds + made.prefill.seconds, 1e-9);
  EXPECT_NEAR(made.total(3), made.first_token() + 2 * made.decode_per_token.seconds, 1e-9);
  EXPECT_NEAR(made.ranks[0].filter, made.filter.seconds, 1e-9);
  EXPECT_NEAR(made.ranks[0].prefill, made.prefill.seconds, 1e-9);
}

TEST(Prediction, TheMembersOfARingWaitForTheSlowest) {
  // Shards of 11: 5 and 6 rows, 33 pairs each. 6 rows are 5 and 1: 3.12 + 1.248; attention 2.112; K and scores 0.4 and
  // 0.256 on the first.
  const Prediction made = on_slow_machines(shared_plan(2));
  EXPECT_NEAR(made.filter.seconds, 4.368 + 2.112 + 0.656, 1e-9);
  EXPECT_NEAR(made.ranks[0].filter, 3.12 + 2.112 + 0.656, 1e-9);
  EXPECT_NEAR(made.ranks[1].filter, 4.368 + 2.112 + 0.56, 1e-9);
}

TEST(Prediction, MessagesThatTakeLongerThanComputeAreExposed) {
  // The largest block, 6 tokens of 64 bytes, at 64 bytes/s and 1 s: 7 s beside 1.056 s of attention, then 1.056 more.
  MachinesSpec spec = small_machines();
  spec.hosts[0].link = {64, 1};
  const Prediction made = on_slow_machines(shared_plan(2), spec);
  const double ids_and_scores = 2 * (1 + 24.0 / 64) + (1 + 64.0 / 64);
  EXPECT_NEAR(made.filter.seconds, 4.368 + 7 + 1.056 + 0.656 + ids_and_scores, 1e-9);
  EXPECT_NEAR(made.filter.exposed, 7 - 1.056 + ids_and_scores, 1e-9);
  const Prediction none_hidden = on_slow_machines(shared_plan(2), spec, {.overlap = 0});
  EXPECT_NEAR(none_hidden.filter.seconds, made.filter.seconds + 1.056, 1e-9);
  EXPECT_NEAR(made.select.seconds, 1 + 32.0 / 64, 1e-9);  // 8 bytes a kept token, one step of a tree
}

TEST(Prediction, LinksThatNobodyMeasuredAreAssumed) {
  MachinesSpec spec = small_machines();
  EXPECT_NEAR(on_slow_machines(shared_plan(3), spec).select.seconds, 2 * (50e-6 + 32 / 1.25e9), 1e-12);
  // Of 11 ranks 0 sends to 1, 4, 7 and 9 one after the other, and 9 to 10.
  EXPECT_NEAR(on_slow_machines(shared_plan(11, 1), spec).select.seconds, 5 * (50e-6 + 32 / 1.25e9), 1e-12);
  spec = two_ranks_per_host({});
  EXPECT_NEAR(on_slow_machines(shared_plan(2), spec).select.seconds, 5e-6 + 32 / 5e9, 1e-12);
}

TEST(Prediction, StagesWorkOnTheirChunksOneBehindTheOther) {
  PlanInputs inputs = small_inputs();
  inputs.keep = 8;
  const GroupSpec all = symbol(GroupSpec::Symbol::all);
  // Stages of layers 0, 1 and 2, chunks of 4: each of the first two takes 2.496 s for the products of a chunk, 0.64 s
  // for its first 10 pairs and 1.664 s for the 26 of the second.
  const ClusterPlan plan =
      resolve({.name = "s.json", .filter = {}, .stages = {{all, 0, 0}}, .chunk_length = 4}, 3, Method::gemfilter, 3);
  const Prediction made = predicted(plan, inputs, machines_on_fast_links());
  const double first = 2.496 + 0.64;
  const double second = 2.496 + 1.664;
  EXPECT_NEAR(made.ranks[0].prefill, first + second, 1e-9);
  // The last stage's second chunk: K, V 0.512, q, o, MLP, logits 1.312 and 8 keys 0.512; behind all before it.
  EXPECT_NEAR(made.prefill.seconds, first + second + second + 0.512 + 1.312 + 0.512, 1e-9);
}

TEST(Prediction, ADecodedTokenGoesThroughOneStageAfterTheOther) {
  const Prediction one = on_slow_machines(shared_plan(1));
  const Prediction three = on_slow_machines(shared_plan(3, 0));
  EXPECT_NEAR(three.decode_per_token.seconds, one.decode_per_token.seconds, 1e-9);  // links take no time here
  MachinesSpec spec = small_machines();
  spec.hosts[0].link = {1e9, 0.5};
  // Two links between stages, and from the last one to rank 0.
  EXPECT_NEAR(on_slow_machines(shared_plan(3, 0), spec).decode_per_token.exposed, 3 * 0.5, 1e-6);
}

TEST(Prediction, MoreRanksThanCoresTakeTurns) {
  MachinesSpec spec = two_ranks_per_host(kNoTime);
  const Prediction beside = on_slow_machines(shared_plan(2), spec);
  spec.hosts[0].cores = 1;
  const Prediction in_turns = on_slow_machines(shared_plan(2), spec);
  EXPECT_NEAR(in_turns.filter.seconds, 2 * beside.filter.seconds, 1e-9);
  EXPECT_NEAR(in_turns.decode_per_token.seconds, beside.decode_per_token.seconds + 3 * 2.5 * 0.064, 1e-9);
}

TEST(Prediction, FasterLinksAndMachinesAreNeverSlower) {
  for (const std::int32_t cut : {1, 2, 3}) {
    double before = 1e9;
    for (const double rate : {10.0, 100.0, 1e3, 1e5, 1e9}) {
      const double seconds = on_slow_machines(shared_plan(4, cut), two_ranks_per_host({rate, 0.01})).total(3);
      EXPECT_LE(seconds, before) << cut << " at " << rate;
      before = seconds;
    }
    MachinesSpec faster = two_ranks_per_host({1e9, 0.01});
    faster.machines[0].rates = {small_rates(1, 3)};
    EXPECT_LT(on_slow_machines(shared_plan(4, cut), faster).total(3), before);
  }
}

TEST(Prediction, WithoutAFilterPassThereAreNoSecondsOfIt) {
  const Prediction made = predicted(resolve({.name = "s.json", .filter = {}, .stages = {}}, 1, Method::full, 3),
                                    small_inputs(), small_machines());
  EXPECT_EQ(made.filter.seconds, 0);
  EXPECT_GT(made.prefill.seconds, 0);
}

}  // namespace
}  // namespace gemring
