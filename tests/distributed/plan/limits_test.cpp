// Plans at the largest lengths that are allowed: no sum of positions or bytes wraps (the sanitizers look on).
#include "distributed/plan/limits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "distributed/plan/prediction.h"
#include "engine/base/check.h"
#include "engine/base/error.h"
#include "tests/distributed/plan/small_machines.h"
#include "tests/distributed/plan/small_model.h"
#include "tests/distributed/plan/specs.h"

namespace gemring {
namespace {

/// All that can be had of a limit: prompt and answer.
std::vector<std::pair<std::int32_t, std::int32_t>> longest() {
  return {{kMostTokens - 1, 1}, {kMostTokens / 2, kMostTokens / 2}, {1, kMostTokens - 1}};
}

std::vector<ClusterPlan> plans(Method method) {
  const GroupSpec all = symbol(GroupSpec::Symbol::all);
  std::vector<ClusterPlan> plans = {default_plan(1, method, 3), default_plan(3, method, 3),
                                    resolve({.name = "s.json", .filter = all, .stages = {{all, 1, 0}}}, 3, method, 3),
                                    resolve({.name = "s.json", .filter = all, .stages = {{all, 2, 0}}}, 3, method, 3)};
  for (ClusterPlan& plan : plans) plan.chunk_length = 1 << 20;  // not a million chunks
  return plans;
}

TEST(Limits, TheLongestPromptsAndAnswersAreCountedWhole) {
  for (const auto& [prompt, answer] : longest()) {
    PlanInputs inputs = small_inputs();
    inputs.prompt_tokens = prompt;
    inputs.max_new_tokens = answer;
    const RankCost one = rank_costs(plans(Method::full).front(), inputs).at(0);
    const auto tokens = static_cast<std::uint64_t>(kMostTokens);
    EXPECT_EQ(one.stage.kv_cache_bytes, 3 * 64 * tokens) << prompt;     // keys and values, 8 wide each
    EXPECT_GE(one.stage.activation_bytes, 16 * tokens) << prompt;       // rotations
    EXPECT_LT(one.total_bytes, (3 * 64 + 16 + 64) * tokens) << prompt;  // and x, of a chunk at a time
  }
}

TEST(Limits, EveryPlanOfThemHasCostsAndSeconds) {
  for (const Method method : {Method::gemfilter, Method::full}) {
    for (const ClusterPlan& plan : plans(method)) {
      for (const auto& [prompt, answer] : longest()) {
        PlanInputs inputs = small_inputs();
        inputs.prompt_tokens = prompt;
        inputs.keep = prompt > 4 ? prompt / 4 : prompt;
        inputs.max_new_tokens = answer;
        const std::vector<RankCost> costs = rank_costs(plan, inputs);
        const Machines machines = machines_of(small_machines(), plan.ranks, {}, "c.json");
        const Prediction made = predict(plan, inputs, costs, machines, {});
        for (const double seconds : {made.first_token(), made.decode_per_token.seconds, made.total(answer)})
          EXPECT_TRUE(std::isfinite(seconds) && seconds > 0) << prompt;
        for (const RankCost& cost : costs) {
          EXPECT_LT(cost.total_bytes, 1000ull * kMostTokens) << prompt;
          EXPECT_GE(cost.bytes_sent_prefill, 0) << prompt;
          EXPECT_GE(cost.decode_flop_per_token, 0) << prompt;
        }
      }
    }
  }
}

TEST(Limits, WhatNoMachineHasIsNeededAndRefused) {
  PlanInputs inputs = small_inputs();
  inputs.model.kv_heads = inputs.model.heads = 1 << 12;
  inputs.prompt_tokens = kMostTokens / 2;
  inputs.max_new_tokens = kMostTokens / 2;
  inputs.parallel = kMostParallel;
  const ClusterPlan plan = default_plan(3, Method::full, 3);
  const std::vector<RankCost> costs = rank_costs(plan, inputs);
  EXPECT_EQ(costs[0].stage.kv_cache_bytes, kMostBytes);
  const std::vector<HostMemory> hosts(3, {"one", whole_bytes(1e13)});
  EXPECT_GT(host_needs(costs, inputs, hosts).at(0).needed_bytes, 3 * kMostBytes);
  EXPECT_THROW(check_memory(costs, inputs, hosts), ResourceError);
}

TEST(Limits, MoreThanTheMostIsABug) {
  PlanInputs inputs = small_inputs();
  inputs.prompt_tokens = kMostTokens;
  EXPECT_THROW(rank_costs(default_plan(1, Method::full, 3), inputs), InternalError);
  inputs.prompt_tokens = 11;
  inputs.max_new_tokens = std::numeric_limits<std::int32_t>::max();
  EXPECT_THROW(rank_costs(default_plan(1, Method::full, 3), inputs), InternalError);
  inputs.max_new_tokens = 1;
  inputs.parallel = kMostParallel + 1;
  EXPECT_THROW(rank_costs(default_plan(1, Method::full, 3), inputs), InternalError);
}

TEST(Limits, BytesOfAHostAreNeverMoreThanTheMost) {
  EXPECT_EQ(whole_bytes(0), 0u);
  EXPECT_EQ(whole_bytes(0.9), 0u);
  EXPECT_EQ(whole_bytes(16e9), 16'000'000'000u);
  for (const double bytes : {0x1p50, 1e30, 1e30 * (1 << 30), std::numeric_limits<double>::infinity()})
    EXPECT_EQ(whole_bytes(bytes), kMostBytes) << bytes;
}

}  // namespace
}  // namespace gemring
