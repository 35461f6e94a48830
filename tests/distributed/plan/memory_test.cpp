#include <gtest/gtest.h>

#include "distributed/plan/cost.h"
#include "engine/base/error.h"

namespace gemring {
namespace {

/// Ranks 0 and 1 share a host and a tensor of 1000 bytes; rank 2 is elsewhere. Beside weights they need 1000, 1500,
/// 800.
struct Job {
  PlanInputs inputs;
  std::vector<RankCost> costs{3};
  std::vector<HostMemory> hosts = {{"node1", 10'000}, {"node1", 10'000}, {"node2", 10'000}};

  Job() {
    inputs.tensors = {{"a", DataType::f32, {}, 1000}, {"b", DataType::f32, {}, 2000}};
    const std::vector<std::vector<std::size_t>> tensors = {{0, 1}, {0}, {1}};
    const std::vector<std::uint64_t> weights = {3000, 1000, 2000};
    const std::vector<std::uint64_t> totals = {4000, 2500, 2800};
    for (std::size_t i = 0; i < 3; ++i) {
      costs[i].rank = RankId(i);
      costs[i].tensors = tensors[i];
      costs[i].weights_bytes = weights[i];
      costs[i].total_bytes = totals[i];
    }
  }

  std::string error() const {
    try {
      check_memory(costs, inputs, hosts);
    } catch (const ResourceError& error) {
      EXPECT_EQ(error.code(), ExitCode::resources);
      EXPECT_NE(error.text().advice.find("--kv-type bf16"), std::string::npos);
      return error.what();
    }
    return "fits";
  }
};

TEST(Memory, ATensorThatRanksOfAHostShareCountsOnce) {
  Job job;
  job.hosts[0].available_bytes = job.hosts[1].available_bytes = 5500;  // 1000 + 1500 + both tensors
  EXPECT_EQ(job.error(), "fits");
  job.hosts[0].available_bytes = job.hosts[1].available_bytes = 5499;
  EXPECT_EQ(job.error(),
            "rank 0 on node1: needs 4,000 bytes of memory, the 2 ranks of this host together 5,500; the host has 5,499 "
            "available");
}

TEST(Memory, WeightsMadeInMemoryAreEachRanksOwn) {
  Job job;
  job.inputs.weights_shared = false;
  job.hosts[0].available_bytes = job.hosts[1].available_bytes = 6500;
  EXPECT_EQ(job.error(), "fits");
  job.hosts[0].available_bytes = job.hosts[1].available_bytes = 6499;
  EXPECT_NE(job.error(), "fits");
}

TEST(Memory, EachHostIsCheckedForItself) {
  Job job;
  job.hosts[2].available_bytes = 2799;
  EXPECT_EQ(job.error(), "rank 2 on node2: needs 2,800 bytes of memory; the host has 2,799 available");
}

TEST(Memory, TheLeastAvailableFigureOfAHostCounts) {
  Job job;
  job.hosts[1].available_bytes = 5000;
  EXPECT_NE(job.error().find("has 5,000 available"), std::string::npos);
}

}  // namespace
}  // namespace gemring
