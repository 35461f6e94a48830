#include "launch/start/start_up.h"

#include <gtest/gtest.h>

#include "distributed/comm/agreement.h"
#include "engine/base/error.h"

namespace gemring {
namespace {

const std::vector<std::string> kHosts = {"node1", "node2", "node3"};

TEST(StartUp, EqualValuesPass) {
  EXPECT_NO_THROW(require_equal({"a", "a", "a"}, kHosts, "version", ""));
}

TEST(StartUp, ADifferingRankIsNamedWithBothValues) {
  try {
    require_equal({"0.1.0", "0.1.0", "0.2.0"}, kHosts, "version of gemring", "install one version");
    FAIL() << "no error";
  } catch (const AgreedError& error) {
    EXPECT_EQ(error.code(), ExitCode::peer);
    EXPECT_STREQ(error.what(), "rank 2 on node3: its version of gemring is '0.2.0', rank 0's on node1 is '0.1.0'");
    EXPECT_EQ(error.rank(), RankId(2));
    EXPECT_EQ(error.host(), "node3");
  }
}

TEST(StartUp, LongValuesAreShownWhereTheyPart) {
  const std::string same(1000, 'x');
  try {
    require_equal({same + "A", same + "B", same + "A"}, kHosts, "command line", "");
    FAIL() << "no error";
  } catch (const AgreedError& error) {
    EXPECT_EQ(error.text().problem, "its command line is '..." + std::string(40, 'x') +
                                        "B', rank 0's on node1 is '..." + std::string(40, 'x') + "A'");
  }
}

TEST(StartUp, AValueThatIsTheBeginningOfTheOthersDiffers) {
  EXPECT_THROW(require_equal({"generate", "generate --keep 3"}, kHosts, "command line", ""), AgreedError);
  EXPECT_THROW(require_equal({"generate --keep 3", "generate"}, kHosts, "command line", ""), AgreedError);
}

TEST(ChooseIsa, TheBestThatAllRanksHaveIsTaken) {
  EXPECT_EQ(choose_isa({Isa::avx512, Isa::avx2, Isa::avx512}, kHosts, ""), Isa::avx2);
  EXPECT_EQ(choose_isa({Isa::avx512}, kHosts, ""), Isa::avx512);
}

TEST(ChooseIsa, AWishIsFollowedWhereAllRanksHaveIt) {
  EXPECT_EQ(choose_isa({Isa::avx512, Isa::avx2}, kHosts, "portable"), Isa::portable);
  EXPECT_EQ(choose_isa({Isa::avx512, Isa::avx2}, kHosts, "avx2"), Isa::avx2);
}

TEST(ChooseIsa, ARankThatLacksTheWishIsNamed) {
  try {
    choose_isa({Isa::avx512, Isa::avx2, Isa::avx512}, kHosts, "avx512");
    FAIL() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "GEMRING_ISA: asks for avx512, and rank 1 on node2 has avx2 at most");
  }
}

TEST(ChooseIsa, AnUnknownNameIsAUsageError) {
  EXPECT_THROW(choose_isa({Isa::avx2}, kHosts, "mmx"), UsageError);
}

TEST(JoinJob, OneRankKnowsItself) {
  const auto world = one_rank_communicator();
  const Job job = join_job(*world, {"generate"}, {"A=1"});
  EXPECT_EQ(job.hosts.size(), 1u);
  EXPECT_TRUE(job.first());
  EXPECT_EQ(job.rank(), RankId(0));
}

TEST(AgreeOnOptions, AUsageErrorKeepsItsCode) {
  const auto world = one_rank_communicator();
  const Job job = join_job(*world, {"generate"}, {});
  try {
    agree_on_options(job, {"generate"});
    FAIL() << "no error";
  } catch (const AgreedError& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
  }
}

}  // namespace
}  // namespace gemring
