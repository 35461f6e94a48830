#include "launch/start/placement.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "launch/start/pinning.h"

namespace gemring {
namespace {

using Cores = std::vector<int>;

const Cores kEight = {0, 1, 2, 3, 4, 5, 6, 7};

TEST(Placement, OneRankTakesAllCoresOfItsNode) {
  const auto places = place({{"a", CoreSource::node, kEight}}, {});
  EXPECT_EQ(places[0].threads, 8);
  EXPECT_TRUE(places[0].pinned);
  EXPECT_EQ(places[0].cores, kEight);
  EXPECT_EQ(places[0].warning, "");
}

TEST(Placement, RanksOfANodeShareItsCoresInConsecutivePieces) {
  const RankCores rank = {"a", CoreSource::node, kEight};
  const auto places = place({rank, rank, rank}, {});
  EXPECT_EQ(places[0].cores, (Cores{0, 1}));
  EXPECT_EQ(places[1].cores, (Cores{2, 3, 4}));
  EXPECT_EQ(places[2].cores, (Cores{5, 6, 7}));
  EXPECT_EQ(places[2].threads, 3);
  EXPECT_EQ(places[2].reason, "3 threads pinned to cores 5-7; the node's cores 0-7 are shared by 3 ranks");
}

TEST(Placement, AQuotaBoundsTheThreadsOfItsRanksTogether) {
  const auto threads = [](std::vector<RankCores> ranks, const ThreadWishes& wishes) {
    std::vector<int> found;
    for (const Placement& one : place(ranks, wishes)) found.push_back(one.threads);
    return found;
  };
  const auto rank = [](double quota, const char* group) {
    return RankCores{"a", CoreSource::node, kEight, quota, group};
  };
  EXPECT_EQ(threads({rank(2.5, "/job")}, {}), std::vector<int>{2});
  EXPECT_EQ(threads({rank(0.5, "/job")}, {}), std::vector<int>{1});
  EXPECT_EQ(threads({rank(64, "/job")}, {}), std::vector<int>{8});
  EXPECT_EQ(threads({rank(5, "/job"), rank(5, "/job")}, {}), (std::vector<int>{2, 2}));
  EXPECT_EQ(threads({rank(3, "/one"), rank(2, "/two")}, {}), (std::vector<int>{3, 2}));
  EXPECT_EQ(threads({rank(3, "/job")}, {.threads = {}, .hint = 2}), std::vector<int>{2});
  EXPECT_EQ(threads({rank(2, "/job")}, {.threads = 4, .hint = {}}), std::vector<int>{4});
  const auto wished = place({rank(2, "/job")}, {.threads = 4, .hint = {}});
  EXPECT_NE(wished[0].warning.find("--threads 2 fits"), std::string::npos) << wished[0].warning;
  const auto bounded = place({rank(2.5, "/job")}, {});
  EXPECT_EQ(
      bounded[0].reason,
      "2 threads (a control group's quota of 2.5 processors) pinned to cores 0-1; the node's cores 0-7 are its alone");
  EXPECT_EQ(bounded[0].share, kEight);
}

TEST(Placement, RanksOfDifferentNodesDoNotShare) {
  const auto places = place({{"a", CoreSource::node, {0, 1}}, {"b", CoreSource::node, {0, 1}}}, {});
  EXPECT_EQ(places[0].cores, (Cores{0, 1}));
  EXPECT_EQ(places[1].cores, (Cores{0, 1}));
}

TEST(Placement, CoresThatOnlyOneRankOfTheNodeSeesCountForAll) {
  const auto places = place({{"a", CoreSource::node, {0, 1, 2}}, {"a", CoreSource::node, {3}}}, {});
  EXPECT_EQ(places[0].cores, (Cores{0, 1}));
  EXPECT_EQ(places[1].cores, (Cores{2, 3}));
}

TEST(Placement, ABindingOfTheUsersIsFollowed) {
  const auto places = place({{"a", CoreSource::own_mask, {0, 1}}, {"a", CoreSource::own_mask, {4, 5, 6}}}, {});
  EXPECT_EQ(places[0].cores, (Cores{0, 1}));
  EXPECT_FALSE(places[1].crowded);
  EXPECT_EQ(places[1].cores, (Cores{4, 5, 6}));
  EXPECT_EQ(places[1].threads, 3);
}

TEST(Placement, RanksBoundToTheSameSocketShareIt) {
  const RankCores rank = {"a", CoreSource::own_mask, {4, 5, 6, 7}};
  const auto places = place({rank, rank}, {});
  EXPECT_EQ(places[0].cores, (Cores{4, 5}));
  EXPECT_EQ(places[1].cores, (Cores{6, 7}));
}

TEST(Placement, MoreRanksThanCoresGetOneThreadEachAndStayUnpinned) {
  const RankCores rank = {"a", CoreSource::node, {0, 1}};
  const auto places = place({rank, rank, rank, rank}, {});
  for (const Placement& placement : places) {
    EXPECT_EQ(placement.threads, 1);
    EXPECT_FALSE(placement.pinned);
    EXPECT_TRUE(placement.crowded);
    EXPECT_EQ(placement.cores, (Cores{0, 1}));
    EXPECT_EQ(placement.warning, "4 ranks share 2 cores: they take turns; start fewer ranks per node");
  }
}

TEST(Placement, SteppingBackLowersThePriorityOfTheThreadsThatCompute) {
  int before = 0;
  int after = 0;
  std::thread([&] {  // with a team of its own: the other tests keep their priority
    before = getpriority(PRIO_PROCESS, 0);
    step_back();
    after = getpriority(PRIO_PROCESS, 0);
  })
      .join();
  EXPECT_EQ(after, std::min(before + 5, 19));
}

TEST(Placement, ThreadsOnTheCommandLineWin) {
  const RankCores rank = {"a", CoreSource::node, kEight};
  const auto places = place({rank, rank}, {3, 1});
  EXPECT_EQ(places[1].threads, 3);
  EXPECT_TRUE(places[1].pinned);
  EXPECT_EQ(places[1].cores, (Cores{4, 5, 6}));
}

TEST(Placement, MoreThreadsThanTheShareAreNotPinnedAndWarnedAbout) {
  const auto places = place({{"a", CoreSource::node, {0, 1}}}, {5, std::nullopt});
  EXPECT_EQ(places[0].threads, 5);
  EXPECT_FALSE(places[0].pinned);
  EXPECT_EQ(places[0].cores, (Cores{0, 1}));
  EXPECT_EQ(places[0].warning, "5 threads on 2 cores: they take turns; --threads 2 fits");
}

TEST(Placement, OmpNumThreadsLowersTheShareButDoesNotRaiseIt) {
  const RankCores rank = {"a", CoreSource::node, kEight};
  EXPECT_EQ(place({rank}, {std::nullopt, 2})[0].threads, 2);
  EXPECT_EQ(place({rank}, {std::nullopt, 64})[0].threads, 8);
}

TEST(Placement, ABoundOfOpenMPsLibraryHoldsWhateverIsWishedAndIsWarnedOf) {
  RankCores rank = {"a", CoreSource::node, kEight};
  rank.most_threads = 2;
  rank.most_threads_from = "OMP_THREAD_LIMIT";
  for (const ThreadWishes& wishes : {ThreadWishes{}, ThreadWishes{8, std::nullopt}}) {
    const Placement placement = place({rank}, wishes)[0];
    EXPECT_EQ(placement.threads, 2);
    EXPECT_EQ(placement.cores, (Cores{0, 1}));
    EXPECT_EQ(placement.reason, "2 threads (OMP_THREAD_LIMIT) pinned to cores 0-1; the node's cores 0-7 are its alone");
    EXPECT_EQ(placement.warning, "OMP_THREAD_LIMIT allows 2 threads where 8 would compute: unset it");
  }
  EXPECT_EQ(place({rank}, {2, std::nullopt})[0].warning, "");
}

TEST(CoreSource, MpirunsOwnDefaultIsNoWishOfTheUser) {
  EXPECT_EQ(core_source({"OMPI_MCA_orte_launch=1", "OMPI_MCA_orte_bound_at_launch=1"}, true), CoreSource::node);
}

TEST(CoreSource, BindToCoreIsAWishAndBindToNoneIsNot) {
  const std::string launched = "OMPI_MCA_orte_launch=1", bound = "OMPI_MCA_orte_bound_at_launch=1";
  EXPECT_EQ(core_source({launched, bound, "OMPI_MCA_hwloc_base_binding_policy=core"}, true), CoreSource::own_mask);
  EXPECT_EQ(core_source({launched, "OMPI_MCA_hwloc_base_binding_policy=none"}, false), CoreSource::node);
}

TEST(CoreSource, CoresPerRankAndCpuSetsAreWishes) {
  const std::string launched = "OMPI_MCA_orte_launch=1", bound = "OMPI_MCA_orte_bound_at_launch=1";
  EXPECT_EQ(core_source({launched, bound, "OMPI_MCA_rmaps_base_mapping_policy=ppr:1:node:PE=4"}, true),
            CoreSource::own_mask);
  EXPECT_EQ(core_source({launched, bound, "OMPI_MCA_hwloc_base_cpu_set=1"}, true), CoreSource::own_mask);
  EXPECT_EQ(core_source({launched, bound, "OMPI_MCA_rmaps_base_mapping_policy=node"}, true), CoreSource::node);
}

TEST(CoreSource, AMaskNarrowedBehindMpirunIsAWish) {
  EXPECT_EQ(core_source({"OMPI_MCA_orte_launch=1"}, true), CoreSource::own_mask);
  EXPECT_EQ(core_source({"OMPI_MCA_orte_launch=1"}, false), CoreSource::node);
}

TEST(CoreSource, WithoutMpirunTheProcessStaysInsideItsMask) {
  EXPECT_EQ(core_source({}, true), CoreSource::own_mask);
  EXPECT_EQ(core_source({"SLURM_PROCID=0", "SLURM_CPU_BIND_TYPE=mask_cpu:"}, true), CoreSource::own_mask);
}

TEST(CoreList, NeighboursAreWrittenAsRanges) {
  EXPECT_EQ(core_list({0, 1, 2, 3, 8}), "0-3,8");
  EXPECT_EQ(core_list({5}), "5");
  EXPECT_EQ(core_list({}), "");
}

}  // namespace
}  // namespace gemring
