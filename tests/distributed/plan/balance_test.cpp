#include "distributed/plan/balance.h"

#include <gtest/gtest.h>

#include "distributed/plan/recommend.h"
#include "tests/distributed/plan/small_machines.h"
#include "tests/distributed/plan/small_model.h"
#include "tests/distributed/plan/specs.h"

namespace gemring {
namespace {

using Layers = std::vector<std::int32_t>;

/// Hosts of one rank each, of these speeds.
MachinesSpec of_speeds(const std::vector<double>& speeds) {
  MachinesSpec spec = small_machines();
  const HostSpec like = spec.hosts.front();
  spec.hosts.clear();
  for (std::size_t rank = 0; rank < speeds.size(); ++rank) {
    HostSpec& host = spec.hosts.emplace_back(like);
    host.name = "node" + std::to_string(rank);
    host.ranks = {RankId(rank)};
    host.speeds = {speeds[rank]};
  }
  return spec;
}

ClusterSpec of_all(std::int32_t cut, const MachinesSpec& machines) {
  const GroupSpec all = symbol(GroupSpec::Symbol::all);
  return {.name = "s.json", .filter = all, .stages = {{all, cut, 0}}, .chunk_length = 0, .machines = machines};
}

TEST(SharesBySpeed, AreSixtyFourthsOfTheFastest) {
  EXPECT_EQ(shares_by_speed({1, 0.5, 0.26}), (Shares{64, 32, 17}));
  EXPECT_EQ(shares_by_speed({2, 2, 2}), Shares{});
  EXPECT_EQ(shares_by_speed({1, 1e-9}), (Shares{64, 1}));
}

TEST(LayersBySpeed, GoToTheLargestRemainder) {
  EXPECT_EQ(layers_by_speed(14, {1, 1, 0.5}), (Layers{6, 5, 3}));
  EXPECT_EQ(layers_by_speed(14, {1, 1, 1, 1}), (Layers{4, 4, 3, 3}));
  EXPECT_EQ(layers_by_speed(3, {100, 1, 1}), (Layers{1, 1, 1}));
  EXPECT_EQ(layers_by_speed(5, {100, 1, 1}), (Layers{3, 1, 1}));
}

TEST(Balance, OpenLayersAndSharesFollowTheMachines) {
  const ClusterPlan stages = resolve(of_all(0, of_speeds({1, 0.5})), 2, Method::gemfilter, 9);
  EXPECT_EQ(stages_of(stages), "0..5: 0 | 6..8: 1");
  EXPECT_EQ(stages.filter_shares, (Shares{64, 32}));
  const ClusterPlan shards = resolve(of_all(1, of_speeds({1, 0.5})), 2, Method::gemfilter, 9);
  EXPECT_EQ(shards.stages[0].shares, (Shares{64, 32}));
  EXPECT_EQ(shards.group_links({RankId(1)}).hosts, std::vector<std::int32_t>{1});
}

TEST(Balance, WhatTheFileGivesStays) {
  ClusterSpec spec = of_all(1, of_speeds({1, 0.5}));
  spec.filter->shares = {1, 1};
  spec.stages = {{group({0}), 1, 2}, {group({1}), 1, 0}};
  const ClusterPlan plan = resolve(spec, 2, Method::gemfilter, 9);
  EXPECT_EQ(plan.filter_shares, (Shares{1, 1}));
  EXPECT_EQ(stages_of(plan), "0..1: 0 | 2..8: 1");
}

TEST(FitToMemory, MovesLayersToTheHostThatHasRoom) {
  const PlanInputs inputs = small_inputs();
  const ClusterPlan plan = default_plan(3, Method::full, 3);  // a layer each
  const ClusterPlan two = default_plan(2, Method::full, 3);   // 0 1 | 2
  const std::uint64_t needed = rank_costs(two, inputs)[0].total_bytes;
  const std::vector<HostMemory> enough = {{"a", needed}, {"b", needed}};
  EXPECT_EQ(stages_of(fit_to_memory(two, inputs, enough)), stages_of(two));
  const std::vector<HostMemory> tight = {{"a", needed - 1}, {"b", 2 * needed}};
  EXPECT_EQ(stages_of(fit_to_memory(two, inputs, tight)), "0..0: 0 | 1..2: 1");
  const std::vector<HostMemory> hopeless = {{"a", 1}, {"b", 1}, {"c", 1}};
  EXPECT_EQ(stages_of(fit_to_memory(plan, inputs, hopeless)), stages_of(plan));
}

TEST(FitToMemory, LowersOpenSharesOfAFullHost) {
  PlanInputs inputs = small_inputs();
  inputs.prompt_tokens = 100'000;
  const ClusterPlan plan = resolve(of_all(1, of_speeds({1, 1})), 2, Method::full, 3);
  const std::uint64_t needed = rank_costs(plan, inputs)[1].total_bytes;
  const ClusterPlan fitted = fit_to_memory(plan, inputs, {{"a", 2 * needed}, {"b", needed * 9 / 10}});
  ASSERT_EQ(fitted.stages[0].shares.size(), 2u);
  EXPECT_LT(fitted.stages[0].shares[1], fitted.stages[0].shares[0]);
  EXPECT_LE(rank_costs(fitted, inputs)[1].total_bytes, needed * 9 / 10);
}

SearchInputs search_on(const MachinesSpec& machines) {
  SearchInputs search;
  search.inputs = small_inputs();
  search.inputs.prompt_tokens = 4000;
  search.machines = machines;
  search.file = "c.json";
  return search;
}

TEST(Recommend, IsNoSlowerThanAnyCandidateAndSharesALongFilterPass) {
  const SearchInputs search = search_on(of_speeds({1, 1, 1, 1}));
  const PlannedRun best = recommend(search, 4, {{}});
  EXPECT_EQ(best.plan.filter_group.size(), 4u);
  EXPECT_TRUE(best.fits);
  for (const std::int32_t cut : {1, 2, 3}) {
    EXPECT_LE(best.seconds(), plan_run(search, of_all(cut, search.machines), 4, {}).seconds() + 1e-9) << cut;
  }
}

TEST(Recommend, StaysOnOneRankWhereLinksAreTooSlow) {
  MachinesSpec machines = of_speeds({1, 1});
  for (HostSpec& host : machines.hosts) host.link = {1e-3, 1000};
  const PlannedRun best = recommend(search_on(machines), 2, {{}});
  EXPECT_EQ(best.plan.filter_group.size(), 1u);
  EXPECT_EQ(describe_shape(best), "filter on 1 rank; 1 stage of 1 rank");
}

TEST(Recommend, TakesAPlanThatFits) {
  SearchInputs search = search_on(of_speeds({1, 1, 1, 1}));
  const std::uint64_t fastest = recommend(search, 4, {{}}).peak_bytes();
  for (HostSpec& host : search.machines.hosts) host.memory_bytes = static_cast<double>(fastest) - 1000;
  const PlannedRun best = recommend(search, 4, {{}});
  if (best.fits) {
    EXPECT_LT(best.peak_bytes(), fastest);
  } else {
    EXPECT_LE(best.peak_bytes(), fastest);
  }
  for (HostSpec& host : search.machines.hosts) host.memory_bytes = 1;
  EXPECT_FALSE(recommend(search, 4, {{}}).fits);
}

TEST(Recommend, TriesOtherNumbersOfRanksOnTheSameHosts) {
  MachinesSpec machines = small_machines();
  machines.hosts[0].cores = 4;
  machines.machines[0].threads = 4;
  const auto wishes = rank_and_thread_wishes(machines);
  ASSERT_EQ(wishes.size(), 4u);  // as it is; 1, 2, 4
  EXPECT_EQ(wishes[2].ranks_per_host, 2);
  EXPECT_EQ(wishes[2].threads, 2);
  const PlannedRun best = recommend(search_on(machines), 2, wishes);
  EXPECT_EQ(best.machines.hosts.size(), 2u);
  EXPECT_EQ(best.plan.ranks, 2 * best.ranks_per_host);
}

}  // namespace
}  // namespace gemring
