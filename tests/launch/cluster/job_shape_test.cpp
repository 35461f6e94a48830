#include "launch/cluster/job_files/job_shape.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace gemring {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

/// A plan for which every rank needs `mib` MiB, and beyond `useful` ranks has nothing to do.
PlanJob plan_of(std::uint64_t mib, std::int32_t useful = 1000) {
  return [=](std::int32_t ranks, std::int32_t /*threads*/) {
    PlannedJob job;
    job.plan.ranks = ranks;
    for (std::int32_t rank = 0; rank < std::min(ranks, useful); ++rank) job.plan.filter_group.emplace_back(rank);
    job.costs.resize(static_cast<std::size_t>(ranks));
    for (std::int32_t rank = 0; rank < ranks; ++rank) {
      RankCost& cost = job.costs[static_cast<std::size_t>(rank)];
      cost.rank = RankId(rank);
      cost.total_bytes = mib * kMib;
    }
    return job;
  };
}

JobOptions nodes(std::int32_t count) {
  JobOptions options;
  options.nodes = count;
  return options;
}

TEST(JobShape, ANodeOfOneMemoryGetsOneRankWithAllItsCores) {
  const JobShape shape = choose_shape(nodes(3), std::nullopt, {.cores = 24, .source = "given"}, plan_of(10));
  EXPECT_EQ(shape.ranks_per_node, 1);
  EXPECT_EQ(shape.threads, 24);
  EXPECT_EQ(shape.ranks(), 3);
  EXPECT_EQ(shape.reasons[0], "1 rank a node: its cores share one memory.");
  EXPECT_EQ(shape.reasons[1], "24 threads a rank: a node's 24 cores (given).");
}

TEST(JobShape, ANodeOfSeveralMemoriesGetsARankForEach) {
  const JobShape shape = choose_shape(nodes(2), std::nullopt, {.cores = 13, .numa = 4, .source = "given"}, plan_of(10));
  EXPECT_EQ(shape.ranks_per_node, 4);
  EXPECT_EQ(shape.threads, 3);
  EXPECT_EQ(shape.reasons[1], "3 threads a rank: a node's 13 cores (given) divided by 4 ranks, 1 left over.");
}

TEST(JobShape, WhereOneRankPerMemoryFindsNoRoomOneForTheNodeIsTaken) {
  const NodeShape node{.cores = 8, .numa = 2, .memory_bytes = 150 * kMib, .source = "given"};
  const JobShape shape = choose_shape(nodes(2), std::nullopt, node, plan_of(100));
  EXPECT_EQ(shape.ranks_per_node, 1);
  EXPECT_EQ(shape.threads, 8);
  EXPECT_NE(shape.reasons[0].find("though it has 2 NUMA nodes: with 2, rank 0 on node 0: needs 104,857,600"),
            std::string::npos)
      << shape.reasons[0];
}

TEST(JobShape, WhereOneRankPerMemoryFindsNoWorkOneForTheNodeIsTaken) {
  const JobShape shape = choose_shape(nodes(2), std::nullopt, {.cores = 8, .numa = 2}, plan_of(1, 3));
  EXPECT_EQ(shape.ranks_per_node, 1);
}

TEST(JobShape, AWishIsFulfilledOrRefusedNotReplaced) {
  JobOptions options = nodes(1);
  options.ranks_per_node = 2;
  const NodeShape node{.cores = 8, .numa = 4, .memory_bytes = 150 * kMib};
  EXPECT_THROW(choose_shape(options, std::nullopt, node, plan_of(100)), ResourceError);
  const JobShape shape = choose_shape(options, 3, node, plan_of(70));
  EXPECT_EQ(shape.ranks_per_node, 2);
  EXPECT_EQ(shape.threads, 3);
  EXPECT_EQ(shape.reasons[1], "3 threads a rank: --threads.");
}

TEST(JobShape, MoreRanksOrThreadsThanCoresAreRefused) {
  JobOptions options = nodes(1);
  options.ranks_per_node = 3;
  EXPECT_THROW(choose_shape(options, std::nullopt, {.cores = 2}, plan_of(1)), UsageError);
  EXPECT_THROW(choose_shape(options, 2, {.cores = 5}, plan_of(1)), UsageError);
  EXPECT_EQ(choose_shape(options, 2, {.cores = 6}, plan_of(1)).threads, 2);
}

TEST(JobShape, RanksWithoutWorkAreRefused) {
  EXPECT_THROW(choose_shape(nodes(4), std::nullopt, {.cores = 1}, plan_of(1, 3)), UsageError);
}

TEST(JobShape, AsksForWhatIsGivenElseForMoreThanThePlanNeeds) {
  NodeShape node{.cores = 2};
  JobShape shape = choose_shape(nodes(1), std::nullopt, node, plan_of(100));
  EXPECT_EQ(memory_to_ask_for(shape, node), 110 + 1024);
  node.memory_bytes = 5000 * kMib;
  shape = choose_shape(nodes(1), std::nullopt, node, plan_of(100));
  EXPECT_EQ(memory_to_ask_for(shape, node), 5000);
}

}  // namespace
}  // namespace gemring
