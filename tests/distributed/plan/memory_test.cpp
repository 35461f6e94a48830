#include <gtest/gtest.h>

#include <utility>

#include "distributed/plan/cost.h"
#include "distributed/plan/memory_terms.h"
#include "engine/base/error.h"
#include "engine/kernels/linear/linear.h"
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

TEST(Memory, AFilterPassOnOneRankHoldsTheQueriesOfABlock) {
  PlanInputs inputs = small_inputs();
  inputs.prompt_tokens = 5000;
  const auto one = rank_costs(default_plan(1, Method::gemfilter, 3), inputs).at(0);
  inputs.prompt_tokens = 6000;
  const auto longer = rank_costs(default_plan(1, Method::gemfilter, 3), inputs).at(0);
  EXPECT_EQ(longer.filter.activation_bytes - one.filter.activation_bytes,
            1000u * (32 + 16 + 2 * 4));  // x, rotations, scores: its own and gathered
  EXPECT_EQ(longer.filter.kv_cache_bytes - one.filter.kv_cache_bytes, 1000u * 64);
}

/// What a ring of `members` takes for one chunk of 12 positions that goes by `variant`.
MemoryTerms::Ring ring_of(RingVariant variant, int members, DataType kv_type, DataType message_type) {
  PlanInputs inputs = small_inputs();
  inputs.kv_type = kv_type;
  inputs.message_type = message_type;
  RingOptions options;
  options.variant = variant;
  options.message_type = message_type;
  const ZigzagShards shards({GlobalPosition(0), GlobalPosition(12)}, members);
  const KvShape shape{2, 4, kv_type};
  return MemoryTerms(inputs).ring(choose_variants({&shards, 1}, {}, shape, 4, options), members);
}

TEST(Memory, RingBuffersAreOnesForTwoMembersAndTwosForMore) {
  const auto buffers = [](int members, DataType kv_type, DataType message_type) {
    return ring_of(RingVariant::pass_kv, members, kv_type, message_type).message_buffer_bytes;
  };
  EXPECT_EQ(buffers(1, DataType::f32, DataType::f32), 0u);
  EXPECT_EQ(buffers(2, DataType::f32, DataType::f32), 6u * 64);       // K and V of 6 tokens, 8 wide
  EXPECT_EQ(buffers(3, DataType::f32, DataType::f32), 2 * 4u * 64);   // one under way while the other is read
  EXPECT_EQ(buffers(3, DataType::f32, DataType::bf16), 3 * 4u * 32);  // and the own block in the messages' type
  EXPECT_EQ(buffers(3, DataType::bf16, DataType::bf16), 2 * 4u * 32);
}

TEST(Memory, PassedQueriesAreHeldForEveryOtherMember) {
  const PlanInputs inputs = small_inputs();
  const MemoryTerms terms(inputs);
  // A query is 16 wide; a part of its attention is o, m and l of 4 heads of 4, 96 bytes.
  const auto two = ring_of(RingVariant::pass_q, 2, DataType::f32, DataType::f32);
  const auto three = ring_of(RingVariant::pass_q, 3, DataType::f32, DataType::f32);
  EXPECT_EQ(two.message_buffer_bytes, 6u * 16 * 4 + 2 * 6 * 96);  // q, and the parts that come and go
  EXPECT_EQ(three.message_buffer_bytes, 2 * (4u * 16 * 4 + 2 * 4 * 96));
  EXPECT_EQ(two.activation_bytes - three.activation_bytes, 2u * (96 + 8));  // own states, and what they see
  const auto bf16 = ring_of(RingVariant::pass_q, 2, DataType::f32, DataType::bf16);
  // Own queries packed, the other's as they come and unpacked; both parts and their messages.
  EXPECT_EQ(bf16.message_buffer_bytes, 6u * (32 + 64) + 6 * 32 + 2 * 6 * (96 + 32 + 32));
  EXPECT_EQ(terms.local_attention(7) - terms.local_attention(2), 5u * (8 + 2 * 4 * 4));
}

TEST(Memory, RingsOfQueriesHoldTwoAndGatheredKeysAllOfThem) {
  const auto token_ring = ring_of(RingVariant::token_ring, 3, DataType::f32, DataType::f32);
  EXPECT_EQ(token_ring.message_buffer_bytes, 2u * 4 * 64 + 4u * 4 * 96);  // queries; states in and out
  const auto all_gather = ring_of(RingVariant::all_gather, 3, DataType::f32, DataType::f32);
  EXPECT_EQ(all_gather.message_buffer_bytes, 2u * 4 * 64 + 12u * 64 + 12u * 4);  // others' keys; all; positions
}

TEST(Memory, ScratchOfProductsThatNoMatrixOfALayerRunsInStaysUntouched) {
  const Compute compute{ComputeType::bf16, ComputeType::int8, ComputeType::int8};
  const auto scratch_with = [&](std::vector<DataType> matrices) {
    PlanInputs inputs = small_inputs();
    inputs.compute = compute;
    inputs.tensors = {{.name = "model.embed_tokens.weight", .type = DataType::f16, .shape = {20, 8}, .bytes = 320}};
    for (const DataType type : matrices)
      inputs.tensors.push_back({.name = "w", .type = type, .shape = {10, 8}, .bytes = 0});
    return MemoryTerms(inputs).layers(11, 1);
  };
  const auto in = [](ComputeType many, ComputeType many_blocks) {
    return linear_scratch_bytes({.tokens = 5, .inputs = 16, .gated = 10}, {many, many_blocks, ComputeType::int8}, 1);
  };
  using enum ComputeType;
  const std::uint64_t mixed = scratch_with({DataType::q8_0, DataType::bf16});
  EXPECT_EQ(mixed - scratch_with({DataType::q8_0, DataType::q4_k}), in(bf16, int8) - in(int8, int8));
  EXPECT_EQ(mixed - scratch_with({DataType::bf16}), in(bf16, int8) - in(bf16, bf16));
  EXPECT_GE(in(bf16, int8) - in(int8, int8), 4u * 10 * 4);  // up, of all tokens but one
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

/// Rank 0 filters; ranks 1 and 2 have layers 0, 1 and 2 of 7 positions each.
std::vector<RankCost> costs_of_stream(std::int32_t parallel) {
  PlanInputs inputs = small_inputs();
  inputs.parallel = parallel;
  return rank_costs(default_plan(3, Method::gemfilter, 3), inputs);
}

TEST(Memory, EachSequenceInTheStagesHasItsOwnCache) {
  for (const std::int32_t parallel : {1, 2, 5}) {
    const auto costs = costs_of_stream(parallel);
    const auto count = static_cast<std::uint64_t>(parallel);
    EXPECT_EQ(costs[0].stage.kv_cache_bytes, 0u);
    EXPECT_EQ(costs[1].stage.kv_cache_bytes, count * 896);  // 2 layers x 2 x 7 x 8 x 4
    EXPECT_EQ(costs[2].stage.kv_cache_bytes, count * 448);
  }
}

TEST(Memory, EachFurtherSequenceHasItsRotationsItsAttentionAndItsRowOfLogits) {
  const auto two = costs_of_stream(2);
  const auto three = costs_of_stream(3);
  const std::uint64_t attention = MemoryTerms(small_inputs()).local_attention(1);
  // Rotations of 7 positions, and of its row in a step, 4 x 4 bytes each.
  EXPECT_EQ(three[1].stage.activation_bytes - two[1].stage.activation_bytes, 7u * 16 + 16 + attention);
  EXPECT_EQ(three[2].stage.activation_bytes - two[2].stage.activation_bytes, 7u * 16 + 16 + attention + 2 * 20u * 4);
  EXPECT_EQ(three[0].stage.activation_bytes - two[0].stage.activation_bytes,
            3 * 20u * 4);  // logits, ids, probabilities
}

TEST(Memory, MoreSequencesThanRowsOfAChunkMakeStepsLonger) {
  const auto four = costs_of_stream(4);  // a chunk has 4 rows
  const auto five = costs_of_stream(5);
  EXPECT_EQ(four[1].stage.message_buffer_bytes, 256u);  // two generations of 4 x 8 x 4
  EXPECT_EQ(five[1].stage.message_buffer_bytes, 320u);
}

TEST(Memory, WithRequestsInFlightARankFiltersBesideItsStage) {
  PlanInputs inputs = small_inputs();
  inputs.parallel = 1;
  const RankCost cost = rank_costs(default_plan(1, Method::gemfilter, 3), inputs).at(0);
  EXPECT_EQ(cost.total_bytes, cost.fixed_bytes + 8992 + cost.filter.total() + cost.stage.total());
}

TEST(Memory, WithRequestsInFlightALongFilterPassMayWaitForAShortOne) {
  PlanInputs inputs = small_inputs();
  inputs.kv_type = DataType::bf16;
  const auto filter_of = [&](std::int32_t tokens, std::int32_t parallel) {
    inputs.prompt_tokens = tokens;
    inputs.parallel = parallel;
    return rank_costs(default_plan(3, Method::gemfilter, 3), inputs).at(0).filter.total();
  };
  // x, rotations and scores of the long one, 32 + 16 + 4 bytes a token, and all of one half as long.
  EXPECT_EQ(filter_of(40'000, 1), 40'000u * (32 + 16 + 4) + filter_of(20'000, 0));
  EXPECT_GT(filter_of(40'000, 1), filter_of(40'000, 0));
  EXPECT_EQ(filter_of(40'000, 5), filter_of(40'000, 1)) << "of any number of requests two filter";
}

TEST(Memory, ALongFilterPassThatRunsNeedsMoreThanOneThatWaitsBesideAShortOneWhereItsRingTakesMost) {
  PlanInputs inputs = small_inputs();
  inputs.kv_type = DataType::bf16;
  inputs.ring_variant = RingVariant::pass_kv;
  const GroupSpec all{.symbol = GroupSpec::Symbol::all, .ranks = {}};
  const ClusterPlan plan = resolve({.name = "s.json", .filter = all, .stages = {{all, 1, 0}}}, 2, Method::gemfilter, 3);
  const auto filter_of = [&](std::int32_t tokens, std::int32_t parallel) {
    inputs.prompt_tokens = tokens;
    inputs.parallel = parallel;
    return rank_costs(plan, inputs).at(1).filter.total();
  };
  // A running pass also holds its queries, its state of softmax, keys and values twice: more than what waits.
  EXPECT_EQ(filter_of(80'000, 1), filter_of(80'000, 0));
  EXPECT_GT(filter_of(80'000, 0), 40'000u * (32 + 16 + 4) + filter_of(40'000, 0));
}

/// A windowed filter pass on rank 0 of `members`, all of which filter.
std::uint64_t windowed_bytes(PlanInputs inputs, int members, std::int32_t tokens, std::int32_t parallel) {
  inputs.window = {.window = 512, .sinks = 4, .chunk = 2048};
  inputs.prompt_tokens = tokens;
  inputs.parallel = parallel;
  const GroupSpec all{.symbol = GroupSpec::Symbol::all, .ranks = {}};
  const ClusterSpec spec{.name = "s.json", .filter = all, .stages = {{all, 1, 0}}, .chunk_length = 0};
  return rank_costs(resolve(spec, members, Method::gemfilter, 3), inputs).at(0).filter.total();
}

// A token's key 32, score 4, id and position 8; and 4 where all scores come together.
TEST(Memory, AWindowedFilterPassIsLinearInTheText) {
  const PlanInputs inputs = small_inputs();
  EXPECT_EQ(windowed_bytes(inputs, 1, 204'800, 0) - windowed_bytes(inputs, 1, 102'400, 0), 102'400u * 48);
  // And of two members those of the other on their way.
  EXPECT_EQ(windowed_bytes(inputs, 2, 204'800, 0) - windowed_bytes(inputs, 2, 102'400, 0),
            51'200u * 44 + (102'400u + 51'200u) * 4);
  PlanInputs narrow = inputs;
  narrow.kv_type = DataType::bf16;
  narrow.scoring_layers = 3;
  narrow.scoring_columns = 5;
  EXPECT_EQ(windowed_bytes(narrow, 1, 204'800, 0) - windowed_bytes(narrow, 1, 102'400, 0),
            102'400u * (3 * 16 + 20 + 8 + 20));
  EXPECT_GT(windowed_bytes(inputs, 1, 204'800, 2), windowed_bytes(inputs, 1, 204'800, 0)) << "two may be alive";
}

TEST(Memory, InAStageOfSeveralEachSequenceHasTheStatesOfItsTokensQuery) {
  PlanInputs inputs = small_inputs();
  const GroupSpec all{.symbol = GroupSpec::Symbol::all, .ranks = {}};
  const ClusterPlan plan = resolve({.name = "shared.json", .filter = all, .stages = {{all, 1, 0}}}, 2, Method::full, 3);
  inputs.parallel = 1;
  const RankCost one = rank_costs(plan, inputs).at(1);
  inputs.parallel = 2;
  const RankCost two = rank_costs(plan, inputs).at(1);
  const std::uint64_t scratch = MemoryTerms(inputs).local_attention(0);
  // Of 11 positions rank 1 has 6, and rotations of 3 new ones; a token's k, v and q, 32 wide together, and the state
  // and the part of the other member.
  EXPECT_EQ(two.stage.activation_bytes - one.stage.activation_bytes, 9u * 16 + 16 + scratch + 32 * 4 + 2 * 96);
}

TEST(Memory, WhereSeveralSequencesDoNotFitFewerAreAdvised) {
  Job job;
  job.hosts[2].available_bytes = 1;
  job.inputs.parallel = 3;
  try {
    check_memory(job.costs, job.inputs, job.hosts);
    FAIL() << "fits";
  } catch (const ResourceError& error) {
    EXPECT_TRUE(error.text().advice.starts_with("lower --parallel (it is 3 here), ")) << error.text().advice;
  }
}

TEST(Memory, TheLeastAvailableFigureOfAHostCounts) {
  Job job;
  job.hosts[1].available_bytes = 5000;
  EXPECT_NE(job.error().find("has 5,000 available"), std::string::npos);
}

}  // namespace
}  // namespace gemring
