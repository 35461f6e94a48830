#include "distributed/plan/machines.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "tests/distributed/plan/small_machines.h"

namespace gemring {
namespace {

std::vector<std::size_t> hosts_of(const Machines& machines) {
  std::vector<std::size_t> hosts;
  for (const PlacedRank& rank : machines.ranks) hosts.push_back(rank.host);
  return hosts;
}

HostSpec host(const std::string& name, const std::vector<int>& ranks, double gbs = 0) {
  HostSpec made;
  made.name = name;
  made.cores = 4;
  for (const int rank : ranks) made.ranks.emplace_back(rank);
  made.link = {gbs * 1e9, 1e-5};
  made.inside = {10e9, 1e-6};
  return made;
}

std::string problem(const MachinesSpec& spec, int ranks = 2) {
  try {
    machines_of(spec, ranks, {}, "c.json");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Machines, RanksAreOnTheHostsThatNameThem) {
  MachinesSpec spec = small_machines();
  spec.hosts = {host("a", {0, 2}), host("b", {1, 3})};
  EXPECT_EQ(hosts_of(machines_of(spec, 4, {}, "c.json")), (std::vector<std::size_t>{0, 1, 0, 1}));
}

TEST(Machines, RanksBeyondTheFileAreOnFurtherHostsLikeItsOwn) {
  MachinesSpec spec = small_machines();
  spec.hosts = {host("a", {0, 1})};
  const Machines machines = machines_of(spec, 5, {}, "c.json");
  EXPECT_EQ(hosts_of(machines), (std::vector<std::size_t>{0, 0, 1, 1, 2}));
  EXPECT_EQ(machines.hosts[1].name, "a (1)");
}

TEST(Machines, AHostWithoutRankNumbersStandsForAll) {
  MachinesSpec spec = small_machines();
  spec.ranks_per_host = 2;
  EXPECT_EQ(hosts_of(machines_of(spec, 3, {}, "c.json")), (std::vector<std::size_t>{0, 0, 1}));
}

TEST(Machines, WishesFillTheHostsInOrder) {
  MachinesSpec spec = small_machines();
  spec.hosts = {host("a", {0}), host("b", {1})};
  const Machines machines = machines_of(spec, 6, {.ranks_per_host = 4, .threads = {}}, "c.json");
  EXPECT_EQ(hosts_of(machines), (std::vector<std::size_t>{0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(machines.ranks[0].threads, 1);  // 4 cores, 4 ranks
  EXPECT_EQ(machines_of(spec, 2, {.ranks_per_host = 2, .threads = {}}, "c.json").ranks[0].threads, 2);
  EXPECT_EQ(machines_of(spec, 2, {.ranks_per_host = {}, .threads = 3}, "c.json").ranks[0].threads, 3);
}

TEST(Machines, TheSlowerLinkCountsBetweenHosts) {
  MachinesSpec spec = small_machines();
  spec.hosts = {host("a", {0, 1}, 2), host("b", {2}, 1)};
  const Machines machines = machines_of(spec, 3, {}, "c.json");
  EXPECT_EQ(machines.link(RankId(0), RankId(1)), (LinkSpeed{10e9, 1e-6}));
  EXPECT_EQ(machines.link(RankId(0), RankId(2)), (LinkSpeed{1e9, 1e-5}));
  EXPECT_EQ(machines.links().between_hosts, (LinkSpeed{1e9, 1e-5}));
  EXPECT_EQ(machines.links().hosts, (std::vector<std::int32_t>{0, 0, 1}));
}

TEST(Machines, WhatIsNotWholeIsRefused) {
  MachinesSpec spec = small_machines();
  spec.hosts = {host("a", {0, 1}), host("b", {1})};
  EXPECT_EQ(problem(spec), "c.json: host b: has rank 1 again");
  spec.hosts = {host("a", {0, 1})};
  spec.hosts[0].speeds = {1};
  EXPECT_EQ(problem(spec), "c.json: host a: has 1 speeds for 2 ranks");
  spec.hosts[0].speeds = {1, 0};
  EXPECT_EQ(problem(spec), "c.json: host a: has a speed of 0");
  spec.hosts = {host("a", {0, 1})};
  spec.hosts[0].machine = "fast";
  EXPECT_EQ(problem(spec), "c.json: host a: is a machine 'fast', which is not described");
  spec.hosts.clear();
  EXPECT_EQ(problem(spec), "c.json: machines: names no host or no machine");
}

TEST(Rates, LieBetweenTwoMeasurementsAndThreadsBeyondTheCoresTakeTurns) {
  MachineSpec machine;
  machine.rates = {small_rates(1, 2), small_rates(5, 1)};
  const auto one_token = [](const ThreadRates& rates) { return rates.layers[0].gflops * 1e6; };
  EXPECT_DOUBLE_EQ(rate_at(machine, 1, 8, one_token), 2);
  EXPECT_DOUBLE_EQ(rate_at(machine, 3, 8, one_token), 1.5);
  EXPECT_DOUBLE_EQ(rate_at(machine, 8, 8, one_token), 1);     // as the nearest
  EXPECT_DOUBLE_EQ(rate_at(machine, 16, 8, one_token), 0.5);  // every second one runs
}

TEST(Rates, OfMoreThreadsThanCoresHaveTheirTurnsInThem) {
  MachineSpec machine;
  machine.rates = {small_rates(2, 1), small_rates(4, 0.9)};  // the first one met another load
  const auto one_token = [](const ThreadRates& rates) { return rates.layers[0].gflops * 1e6; };
  EXPECT_DOUBLE_EQ(rate_at(machine, 4, 2, one_token), 0.9);
  EXPECT_DOUBLE_EQ(rate_at(machine, 2, 2, one_token), 1.8);
  EXPECT_DOUBLE_EQ(rate_at(machine, 8, 2, one_token), 0.45);
}

TEST(RankClock, BlocksOfTokensAreCountedOneByOne) {
  const Machines machines = machines_of(small_machines(), 1, {}, "c.json");
  const RankClock clock(machines, RankId(0));
  const auto seconds = [&](std::int64_t tokens) { return clock.layer(tokens, 100, 5, DataType::f32, {}, 1); };
  EXPECT_DOUBLE_EQ(seconds(0), 0);
  EXPECT_DOUBLE_EQ(seconds(1), 0.1);
  EXPECT_DOUBLE_EQ(seconds(5), 0.25);
  EXPECT_DOUBLE_EQ(seconds(11), 0.25 + 0.25 + 0.1);
}

TEST(RankClock, StepsBetweenMeasuredOnesTakeSecondsBetweenTheirs) {
  MachinesSpec spec = small_machines();
  spec.machines[0].rates[0].layers.push_back({DataType::f32, ComputeType::f32, 15, 3e-6});
  const Machines machines = machines_of(spec, 1, {}, "c.json");
  // 5 tokens 500 / 2000 s, 15 tokens 1500 / 3000 s; 10 tokens lie in the middle.
  EXPECT_DOUBLE_EQ(RankClock(machines, RankId(0)).layer(10, 100, 100, DataType::f32, {}, 1), 0.375);
}

TEST(RankClock, OtherWeightsCountByTheirBytesOfOneTokenAndByTheLimitsOfMany) {
  MachinesSpec spec = small_machines();
  spec.machines[0].rates[0].f32_gflops = 1;
  spec.machines[0].rates[0].bf16_gflops = 4;
  const Machines machines = machines_of(spec, 1, {}, "c.json");
  const RankClock clock(machines, RankId(0));
  EXPECT_DOUBLE_EQ(clock.layer(1, 100, 5, DataType::bf16, {}, 1), 0.05);  // half the bytes
  const Compute bf16{.many = ComputeType::bf16, .many_blocks = {}, .few = {}};
  EXPECT_DOUBLE_EQ(clock.layer(5, 100, 5, DataType::bf16, bf16, 1), 0.25 / 4);
}

TEST(RankClock, SpeedAndThreadsMultiply) {
  MachinesSpec spec = small_machines();
  spec.hosts[0].speeds = {0.5};
  spec.hosts[0].cores = 4;
  const Machines machines = machines_of(spec, 1, {.ranks_per_host = {}, .threads = 4}, "c.json");
  EXPECT_DOUBLE_EQ(RankClock(machines, RankId(0)).layer(1, 100, 5, DataType::f32, {}, 1), 0.1 / 2);
  EXPECT_DOUBLE_EQ(machines.speed(RankId(0)), 2);
}

}  // namespace
}  // namespace gemring
