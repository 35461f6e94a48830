#include <gtest/gtest.h>

#include <utility>

#include "distributed/plan/cost.h"
#include "distributed/plan/memory_terms.h"
#include "engine/base/error.h"
#include "tests/distributed/plan/small_model.h"

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
    const std::vector<std::vector<ReadTensor>> tensors = {{{0, 1000}, {1, 2000}}, {{0, 1000}}, {{1, 2000}}};
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

TEST(Memory, AFirstPassOnOneRankHoldsTheQueriesOfABlock) {
  PlanInputs inputs = small_inputs();
  inputs.prompt_tokens = 5000;
  const auto one = rank_costs(default_plan(1, Method::gemfilter, 3), inputs).at(0);
  inputs.prompt_tokens = 6000;
  const auto longer = rank_costs(default_plan(1, Method::gemfilter, 3), inputs).at(0);
  EXPECT_EQ(longer.filter.activation_bytes - one.filter.activation_bytes, 1000u * (32 + 16));  // x, rotations
  EXPECT_EQ(longer.filter.kv_cache_bytes - one.filter.kv_cache_bytes, 1000u * 64);
}

TEST(Memory, RingBuffersAreOnesForTwoMembersAndTwosForMore) {
  PlanInputs inputs = small_inputs();
  const MemoryTerms terms(inputs);
  const auto shards = [](int members) { return ZigzagShards({GlobalPosition(0), GlobalPosition(12)}, members); };
  EXPECT_EQ(terms.ring_buffers(shards(1), 0), 0u);
  EXPECT_EQ(terms.ring_buffers(shards(2), 0), 6u * 64);      // K and V of 6 tokens, 8 wide
  EXPECT_EQ(terms.ring_buffers(shards(3), 0), 2 * 4u * 64);  // one under way while the other is read
  inputs.message_type = DataType::bf16;
  EXPECT_EQ(terms.ring_buffers(shards(3), 0), 3 * 4u * 32);  // and the own block in the messages' type
  inputs.kv_type = DataType::bf16;
  EXPECT_EQ(terms.ring_buffers(shards(3), 0), 2 * 4u * 32);
}

TEST(Memory, PassedQueriesAreHeldForEveryOtherMember) {
  const PlanInputs inputs = small_inputs();
  const MemoryTerms terms(inputs);
  EXPECT_EQ(terms.partials(2), 2u * 4 * (4 + 2) * 4);              // o, m, l of 4 heads of 4
  EXPECT_EQ(terms.pass_q_buffers(2, 3), 2 * (2u * 16 * 4 + 192));  // q and the state that goes back
  EXPECT_EQ(terms.pass_q(2, 3) - terms.pass_q(2, 2), 192u);        // one more state of the own queries
  EXPECT_EQ(terms.local_attention(7) - terms.local_attention(2), 5u * (8 + 2 * 4 * 4));
}

std::uint64_t weights_of(int rank, int ranks, const PlanInputs& inputs, Method method = Method::full) {
  const GroupSpec all{.symbol = GroupSpec::Symbol::all, .ranks = {}};
  const ClusterSpec spec{.name = "shared.json", .filter = all, .stages = {{all, 1, 0}}};
  return rank_costs(resolve(spec, ranks, method, 3), inputs).at(static_cast<std::size_t>(rank)).weights_bytes;
}

TEST(Memory, OnlyTheRankOfTheLastTokenReadsTheOutputAndAllOfTheLastLayer) {
  PlanInputs inputs = small_inputs();
  EXPECT_EQ(weights_of(0, 2, inputs), 8992u);
  EXPECT_EQ(weights_of(1, 2, inputs), 640u + 2 * 2560 + 32 + 256 + 256);  // of layer 2: input norm, k, v
  inputs.logit_rows = 11;
  EXPECT_EQ(weights_of(1, 2, inputs), 8992u);
  inputs.logit_rows = 1;
  inputs.weights_shared = false;  // made in memory: read or not
  EXPECT_EQ(weights_of(1, 2, inputs), 8992u);
}

TEST(Memory, OnlyTheRankOfTheLastTokenReadsTheScoringQuery) {
  PlanInputs inputs = small_inputs();
  inputs.filter_layer = LayerIndex(2);
  EXPECT_EQ(weights_of(0, 2, inputs, Method::gemfilter), 8992u);
  EXPECT_EQ(weights_of(1, 2, inputs, Method::gemfilter), 640u + 2 * 2560 + 32 + 256 + 256);
}

TEST(Memory, OfAMappedEmbeddingTheRowsOfTheTokensAndTheirNeighbours) {
  PlanInputs inputs = small_inputs();
  inputs.tensors[1].bytes = 2 * 65536;  // the embedding: two pieces, of which a token reads one
  for (const auto& [tokens, read] : {std::pair{1, 65536u}, std::pair{2, 65536u + 32768u}, std::pair{40, 131072u}}) {
    inputs.prompt_tokens = tokens;
    EXPECT_EQ(weights_of(0, 1, inputs), read + 8992 - 640) << tokens;
  }
  inputs.prompt_tokens = 2;
  inputs.keep = 1;
  EXPECT_EQ(weights_of(0, 2, inputs, Method::gemfilter), 65536u + 32768u + 8992 - 640);  // one token in each pass
  inputs.prompt_tokens = 1;
  inputs.tensors[1].type = DataType::q8_0;  // its scales are looked at
  EXPECT_EQ(weights_of(0, 1, inputs), 131072u + 8992 - 640);
}

TEST(Memory, TheLeastAvailableFigureOfAHostCounts) {
  Job job;
  job.hosts[1].available_bytes = 5000;
  EXPECT_NE(job.error().find("has 5,000 available"), std::string::npos);
}

}  // namespace
}  // namespace gemring
