#include "distributed/plan/cluster_plan.h"

#include <gtest/gtest.h>

#include "tests/distributed/plan/specs.h"

namespace gemring {
namespace {

using Ranks = std::vector<int>;
using Symbol = GroupSpec::Symbol;

constexpr Method kGemFilter = Method::gemfilter;

ClusterSpec filter_first(std::vector<StageSpec> stages) {
  return {.name = "test.json", .filter = symbol(Symbol::first), .stages = std::move(stages), .chunk_length = 0};
}

std::vector<int> chunk_sizes(const ClusterPlan& plan, std::int32_t n) {
  std::vector<int> sizes;
  for (const PositionRange& chunk : plan.chunks(n)) sizes.push_back(chunk.size());
  return sizes;
}

TEST(DefaultPlan, OneRankDoesEverything) {
  const ClusterPlan plan = default_plan(1, kGemFilter, 8);
  EXPECT_EQ(numbers(plan.filter_group), Ranks{0});
  EXPECT_EQ(stages_of(plan), "0..7: 0");
  EXPECT_TRUE(plan.idle_ranks().empty());
}

TEST(DefaultPlan, RankZeroFiltersAndTheRestShareTheLayersLargerFirst) {
  const ClusterPlan plan = default_plan(4, kGemFilter, 8);
  EXPECT_EQ(numbers(plan.filter_group), Ranks{0});
  EXPECT_EQ(stages_of(plan), "0..2: 1 | 3..5: 2 | 6..7: 3");
  EXPECT_TRUE(plan.filters(RankId(0)));
  EXPECT_FALSE(plan.filters(RankId(1)));
  EXPECT_EQ(plan.stage_of(RankId(0)), std::nullopt);
  EXPECT_EQ(plan.stage_of(RankId(3)), std::size_t{2});
}

TEST(DefaultPlan, WithTheFullMethodAllRanksAreStages) {
  const ClusterPlan plan = default_plan(3, Method::full, 8);
  EXPECT_TRUE(plan.filter_group.empty());
  EXPECT_EQ(stages_of(plan), "0..2: 0 | 3..5: 1 | 6..7: 2");
}

TEST(DefaultPlan, RanksBeyondTheLayersAreIdle) {
  const ClusterPlan plan = default_plan(5, kGemFilter, 2);
  EXPECT_EQ(stages_of(plan), "0..0: 1 | 1..1: 2");
  EXPECT_EQ(numbers(plan.idle_ranks()), (Ranks{3, 4}));
  EXPECT_EQ(numbers(default_plan(3, Method::full, 2).idle_ranks()), Ranks{2});
}

TEST(Resolve, AFileThatSaysNothingIsTheDefaultPlan) {
  const ClusterPlan plan = resolve({.name = "empty.json", .filter = {}, .stages = {}}, 3, kGemFilter, 8);
  EXPECT_EQ(numbers(plan.filter_group), Ranks{0});
  EXPECT_EQ(stages_of(plan), "0..3: 1 | 4..7: 2");
}

TEST(Resolve, AGroupIsCutIntoStagesLargerFirst) {
  const ClusterSpec spec = filter_first({{symbol(Symbol::rest), 2, 0}});
  EXPECT_EQ(stages_of(resolve(spec, 4, kGemFilter, 7)), "0..3: 1 2 | 4..6: 3");
  EXPECT_EQ(stages_of(resolve(spec, 6, kGemFilter, 7)), "0..3: 1 2 3 | 4..6: 4 5");
}

TEST(Resolve, CutZeroMakesOneStageOfEachRank) {
  const ClusterSpec spec = filter_first({{group({2, 0, 1}), 0, 0}});
  EXPECT_EQ(stages_of(resolve(spec, 3, kGemFilter, 7)), "0..2: 2 | 3..4: 0 | 5..6: 1");
}

TEST(Resolve, RestOfOneRankIsThatRank) {
  EXPECT_EQ(stages_of(resolve(filter_first({{symbol(Symbol::rest), 1, 0}}), 1, kGemFilter, 4)), "0..3: 0");
}

TEST(Resolve, ASymbolsGroupSmallerThanCutIsCutIntoSingleRanks) {
  const ClusterSpec spec = filter_first({{symbol(Symbol::rest), 2, 0}});
  EXPECT_EQ(stages_of(resolve(spec, 1, kGemFilter, 4)), "0..3: 0");
  EXPECT_EQ(stages_of(resolve(spec, 2, kGemFilter, 4)), "0..3: 1");
  EXPECT_EQ(stages_of(resolve(spec, 3, kGemFilter, 4)), "0..1: 1 | 2..3: 2");
}

TEST(Resolve, AllRanksMayFilterAndBeStages) {
  ClusterSpec spec = filter_first({{symbol(Symbol::all), 1, 0}});
  spec.filter = symbol(Symbol::all);
  const ClusterPlan plan = resolve(spec, 3, kGemFilter, 4);
  EXPECT_EQ(numbers(plan.filter_group), (Ranks{0, 1, 2}));
  EXPECT_EQ(stages_of(plan), "0..3: 0 1 2");
}

TEST(Resolve, GivenLayersAreKeptAndTheRestIsShared) {
  const ClusterSpec spec = filter_first({{group({1}), 1, 3}, {group({2, 3}), 2, 0}});
  EXPECT_EQ(stages_of(resolve(spec, 4, kGemFilter, 8)), "0..2: 1 | 3..5: 2 | 6..7: 3");
}

TEST(Resolve, LayersOfAnEntryCountForEachOfItsStages) {
  const ClusterSpec spec = filter_first({{group({1, 2}), 2, 3}, {group({3}), 1, 2}});
  EXPECT_EQ(stages_of(resolve(spec, 4, kGemFilter, 8)), "0..2: 1 | 3..5: 2 | 6..7: 3");
}

TEST(Resolve, SharesAreCutWithTheirGroup) {
  GroupSpec rest = symbol(Symbol::rest);
  rest.shares = {4, 2, 1};
  const ClusterPlan plan = resolve(filter_first({{rest, 2, 0}}), 4, kGemFilter, 7);
  EXPECT_EQ(stages_of(plan), "0..3: 1 2 | 4..6: 3");
  EXPECT_EQ(plan.stages[0].shares, (Shares{4, 2}));
  EXPECT_EQ(plan.stages[1].shares, Shares{1});
  EXPECT_TRUE(plan.filter_shares.empty());
}

TEST(Shards, OfTheFilterAndOfEveryChunkFollowThePlansShares) {
  GroupSpec uneven = group({0, 1});
  uneven.shares = {3, 1};
  ClusterSpec spec = filter_first({{uneven, 1, 2}, {group({2}), 1, 0}});
  spec.filter = uneven;
  spec.chunk_length = 8;
  const ClusterPlan plan = resolve(spec, 3, kGemFilter, 4);
  EXPECT_EQ(plan.filter_shards(16).size(0), 12);
  const auto shards = plan.stage_shards(0, 12);
  ASSERT_EQ(shards.size(), 2u);
  EXPECT_EQ(shards[0].size(1), 2);  // 8 positions, borders 0 3 4 5 8
  EXPECT_EQ(shards[1].range(), (PositionRange{GlobalPosition(8), GlobalPosition(12)}));
  EXPECT_EQ(shards[1].size(1), 1);  // 4 positions, borders 0 1 2 2 4
  EXPECT_EQ(plan.stage_shards(1, 12).front().members(), 1);
}

TEST(Resolve, TheFullMethodLeavesTheFilterGroupOut) {
  ClusterSpec spec = filter_first({{symbol(Symbol::rest), 1, 0}});
  spec.filter = group({1});  // would be an error with GemFilter
  const ClusterPlan plan = resolve(spec, 3, Method::full, 4);
  EXPECT_TRUE(plan.filter_group.empty());
  EXPECT_EQ(stages_of(plan), "0..3: 1 2");
  EXPECT_EQ(numbers(plan.idle_ranks()), Ranks{0});
}

TEST(Resolve, ARankThatNoGroupNamesIsIdle) {
  EXPECT_EQ(numbers(resolve(filter_first({{group({0}), 1, 0}}), 3, kGemFilter, 4).idle_ranks()), (Ranks{1, 2}));
}

TEST(Chunks, ASingleStageOfSeveralRanksTakesThePromptWhole) {
  ClusterSpec spec = filter_first({{symbol(Symbol::all), 1, 0}});
  spec.chunk_length = 100;
  EXPECT_EQ(chunk_sizes(resolve(spec, 2, kGemFilter, 4), 5000), Ranks{5000});
}

TEST(Chunks, ASingleRankTakes2048Tokens) {
  EXPECT_EQ(chunk_sizes(default_plan(1, kGemFilter, 4), 5000), (Ranks{2048, 2048, 904}));
}

TEST(Chunks, SeveralStagesTakeAQuarterOfTheirShareBetween128And1024) {
  const ClusterPlan plan = default_plan(3, kGemFilter, 4);                              // two stages
  EXPECT_EQ(chunk_sizes(plan, 2401), (Ranks{301, 301, 301, 301, 301, 301, 301, 294}));  // ceil(2401 / 8)
  EXPECT_EQ(chunk_sizes(plan, 300), (Ranks{128, 128, 44}));
  EXPECT_EQ(chunk_sizes(plan, 10'000).front(), 1024);
}

TEST(Chunks, TheFilesLengthWins) {
  ClusterSpec spec = filter_first({});
  spec.chunk_length = 4;
  EXPECT_EQ(chunk_sizes(resolve(spec, 3, kGemFilter, 4), 10), (Ranks{4, 4, 2}));
  EXPECT_EQ(chunk_sizes(resolve(spec, 1, kGemFilter, 4), 4), Ranks{4});
}

TEST(Chunks, LieOneBehindTheOtherAndNoTokensMakeNone) {
  const auto chunks = default_plan(1, kGemFilter, 4).chunks(2500);
  EXPECT_EQ(chunks.at(0), (PositionRange{GlobalPosition(0), GlobalPosition(2048)}));
  EXPECT_EQ(chunks.at(1), (PositionRange{GlobalPosition(2048), GlobalPosition(2500)}));
  EXPECT_TRUE(default_plan(1, kGemFilter, 4).chunks(0).empty());
}

TEST(Describe, SaysUnevenShares) {
  GroupSpec uneven = symbol(Symbol::all);
  uneven.shares = {3, 1};
  EXPECT_EQ(resolve({.name = "u.json", .filter = uneven, .stages = {{uneven, 1, 0}}}, 2, kGemFilter, 4).describe(),
            "plan for 2 ranks, 4 layers, method gemfilter\n"
            "  filter             ranks 0 1, shares 3 1\n"
            "  stage 0   0..3     ranks 0 1, shares 3 1\n"
            "  chunks             one, the whole prompt\n");
}

TEST(Describe, SaysWhoOwnsWhat) {
  EXPECT_EQ(resolve(filter_first({{group({1, 2}), 1, 6}, {group({3}), 1, 0}}), 5, kGemFilter, 14).describe(),
            "plan for 5 ranks, 14 layers, method gemfilter\n"
            "  filter             rank 0\n"
            "  stage 0   0..5     ranks 1 2\n"
            "  stage 1   6..13    rank 3\n"
            "  idle               rank 4\n"
            "  chunks             by the prompt's length\n");
}

}  // namespace
}  // namespace gemring
