#include <gtest/gtest.h>

#include "distributed/plan/cluster_plan.h"
#include "engine/base/error.h"
#include "tests/distributed/plan/specs.h"

namespace gemring {
namespace {

/// what() of the error that 4 ranks and 8 layers make of it; "no error" where there is none.
std::string error_of(std::vector<StageSpec> stages, const std::optional<GroupSpec>& filter = {}, std::int32_t chunk = 0,
                     int ranks = 4) {
  try {
    resolve({.name = "my.json", .filter = filter, .stages = std::move(stages), .chunk_length = chunk}, ranks,
            Method::gemfilter, 8);
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.code(), ExitCode::config);
    EXPECT_FALSE(error.text().advice.empty());
    return error.what();
  }
  return "no error";
}

TEST(ClusterErrors, ARankThatIsNotThere) {
  EXPECT_EQ(error_of({{group({1, 5}), 1, 0}}), "my.json: stages[0]: names rank 5, mpirun started 4 ranks (0..3)");
  EXPECT_EQ(error_of({}, group({0, 4})), "my.json: filter: names rank 4, mpirun started 4 ranks (0..3)");
  EXPECT_EQ(error_of({{group({1}), 1, 0}}, {}, 0, 1), "my.json: stages[0]: names rank 1, mpirun started 1 rank (0)");
  EXPECT_EQ(error_of({{group({-1}), 1, 0}}), "my.json: stages[0]: names rank -1, mpirun started 4 ranks (0..3)");
}

TEST(ClusterErrors, ARankTwiceInOneGroup) {
  EXPECT_EQ(error_of({{group({1, 2, 1}), 1, 0}}), "my.json: stages[0]: names rank 1 twice");
  EXPECT_EQ(error_of({}, group({0, 0})), "my.json: filter: names rank 0 twice");
}

TEST(ClusterErrors, ARankInTwoStages) {
  EXPECT_EQ(error_of({{group({1, 2}), 2, 0}, {group({3, 2}), 1, 0}}),
            "my.json: stages[1]: puts rank 2 into stage 2, but it is in stage 1 already");
  EXPECT_EQ(error_of({{symbol(GroupSpec::Symbol::rest), 1, 0}, {symbol(GroupSpec::Symbol::all), 1, 0}}),
            "my.json: stages[1]: puts rank 1 into stage 1, but it is in stage 0 already");
}

TEST(ClusterErrors, AFilterGroupThatDoesNotBeginWithRankZero) {
  EXPECT_EQ(error_of({}, group({1, 0})), "my.json: filter: begins with rank 1");
}

TEST(ClusterErrors, AnEmptyGroup) {
  EXPECT_EQ(error_of({{group({}), 1, 0}}), "my.json: stages[0]: names no rank");
}

TEST(ClusterErrors, NumberedRanksCutIntoMoreStagesThanRanks) {
  EXPECT_EQ(error_of({{group({1, 2}), 3, 0}}), "my.json: stages[0]: cuts 2 ranks into 3 stages");
}

TEST(ClusterErrors, MoreStagesThanLayers) {
  EXPECT_EQ(error_of({{symbol(GroupSpec::Symbol::all), 0, 0}}, {}, 0, 9),
            "my.json: makes 9 stages of a model with 8 layers");
}

TEST(ClusterErrors, LayersThatDoNotAddUp) {
  EXPECT_EQ(error_of({{group({1, 2}), 2, 3}}), "my.json: gives 6 layers to 2 of its 2 stages, the model has 8");
  EXPECT_EQ(error_of({{group({1}), 1, 8}, {group({2}), 1, 0}}),
            "my.json: gives 8 layers to 1 of its 2 stages, the model has 8");
  EXPECT_EQ(error_of({{group({1}), 1, 9}}), "my.json: gives 9 layers to 1 of its 1 stages, the model has 8");
}

TEST(ClusterErrors, SharesThatAreNotOnePositiveNumberForEachRank) {
  const auto with_shares = [](Shares shares) {
    GroupSpec uneven = group({0, 1});
    uneven.shares = std::move(shares);
    return uneven;
  };
  EXPECT_EQ(error_of({{with_shares({1, 2, 3}), 1, 0}}), "my.json: stages[0]: gives 3 shares to 2 ranks");
  EXPECT_EQ(error_of({}, with_shares({1})), "my.json: filter: gives 1 shares to 2 ranks");
  EXPECT_EQ(error_of({}, with_shares({1, 0})), "my.json: filter: has a share of 0");
  EXPECT_EQ(error_of({}, with_shares({2'000'000'000, 1})), "my.json: filter: has shares of 2000000001 in all");
}

TEST(ClusterErrors, NegativeNumbers) {
  EXPECT_EQ(error_of({{group({1}), -1, 0}}), "my.json: stages[0]: has cut -1");
  EXPECT_EQ(error_of({{group({1}), 1, -2}}), "my.json: stages[0]: has layers -2");
  EXPECT_EQ(error_of({}, {}, -3), "my.json: has chunk_length -3");
}

}  // namespace
}  // namespace gemring
