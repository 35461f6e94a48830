#include "distributed/comm/stall.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace gemring {
namespace {

constexpr double kTimeout = 10;

RankStatus computing(double still, double silent = 0) {
  RankStatus status;
  status.last.place.state = Place::State::computing;
  std::copy_n("prefill", 7, status.last.place.phase.begin());
  status.last.place.layer = LayerIndex(4);
  status.last.still_seconds = static_cast<float>(still);
  status.silent_seconds = silent;
  return status;
}

RankStatus waiting(std::int32_t whom, double still) {
  RankStatus status = computing(still);
  status.last.place.state = Place::State::waiting;
  status.last.place.waits_for = whom;
  return status;
}

RankStatus outside(double still) {
  RankStatus status = computing(still);
  status.last.place.state = Place::State::outside;
  return status;
}

std::vector<std::int32_t> blamed(const std::optional<Stall>& stall) {
  std::vector<std::int32_t> ranks;
  for (const RankId rank : stall->ranks) ranks.push_back(rank.value());
  return ranks;
}

using Statuses = std::vector<RankStatus>;
using Ranks = std::vector<std::int32_t>;

TEST(FindStall, NothingBeforeTheTimeoutIsOver) {
  EXPECT_FALSE(find_stall(Statuses{computing(9.9), computing(0, 9.9), waiting(0, 9.9)}, kTimeout));
}

TEST(FindStall, WhoHasAllItNeedsAndStandsStillIsToBlame) {
  const auto stall = find_stall(Statuses{waiting(2, 30), waiting(0, 30), computing(12)}, kTimeout);
  ASSERT_TRUE(stall);
  EXPECT_EQ(stall->kind, Stall::Kind::still);
  EXPECT_EQ(blamed(stall), Ranks{2});
  EXPECT_EQ(stall->seconds, 12);
}

TEST(FindStall, WhoWaitsForAComputingRankIsNot) {
  EXPECT_FALSE(find_stall(Statuses{computing(1), waiting(0, 1000), waiting(1, 1000)}, kTimeout));
}

TEST(FindStall, WhoIsHeldUpFromOutsideAndThoseWhoWaitForItAreNot) {
  EXPECT_FALSE(find_stall(Statuses{outside(1000), waiting(0, 1000), waiting(kEveryone, 1000)}, kTimeout));
}

TEST(FindStall, ASilentRankComesBeforeThoseThatStandStill) {
  const auto stall = find_stall(Statuses{computing(11), outside(0), computing(0, 11)}, kTimeout);
  ASSERT_TRUE(stall);
  EXPECT_EQ(stall->kind, Stall::Kind::silent);
  EXPECT_EQ(blamed(stall), Ranks{2});
}

TEST(FindStall, ASilentRankIsToBlameWhateverItLastDid) {
  for (RankStatus last : {outside(0), waiting(0, 0), computing(0)}) {
    last.silent_seconds = 11;
    const auto stall = find_stall(Statuses{computing(0), last}, kTimeout);
    ASSERT_TRUE(stall);
    EXPECT_EQ(blamed(stall), Ranks{1});
  }
}

TEST(FindStall, ARankThatHasShutDownIsNot) {
  RankStatus gone = computing(100, 100);
  gone.last.shutdown = true;
  EXPECT_FALSE(find_stall(Statuses{waiting(1, 100), gone}, kTimeout));
}

TEST(FindStall, ADeadlockNamesTheCircleAndNotThoseBehindIt) {
  //   0 -> 3 -> 1 -> 3, and 2 waits for 0
  const auto stall = find_stall(Statuses{waiting(3, 20), waiting(3, 20), waiting(0, 20), waiting(1, 20)}, kTimeout);
  ASSERT_TRUE(stall);
  EXPECT_EQ(stall->kind, Stall::Kind::deadlock);
  EXPECT_EQ(blamed(stall), (Ranks{3, 1}));
}

TEST(FindStall, ADeadlockInACollectiveNamesAll) {
  const auto stall = find_stall(Statuses{waiting(kEveryone, 20), waiting(0, 20)}, kTimeout);
  ASSERT_TRUE(stall);
  EXPECT_EQ(blamed(stall), (Ranks{0, 1}));
}

TEST(FindStall, ARankThatWaitsForItselfIsADeadlock) {
  const auto stall = find_stall(Statuses{waiting(kOwnWorker, 20), waiting(0, 20)}, kTimeout);
  ASSERT_TRUE(stall);
  EXPECT_EQ(blamed(stall), Ranks{0});
}

TEST(FindStall, WaitingRanksOfWhichOneHasJustBegunAreNoDeadlockYet) {
  EXPECT_FALSE(find_stall(Statuses{waiting(1, 20), waiting(0, 5)}, kTimeout));
}

TEST(StallText, NamesRankHostPlaceAndVictims) {
  const Statuses statuses = {waiting(2, 30), computing(0), computing(12), waiting(0, 30)};
  const std::vector<std::string> hosts = {"a", "b", "c", "d"};
  const ErrorText text = stall_text(*find_stall(statuses, kTimeout), statuses, hosts);
  EXPECT_EQ(text.where, "rank 2 on c");
  EXPECT_EQ(text.problem, "no progress for 12 s in: prefill, layer 4");
  EXPECT_TRUE(text.advice.starts_with("rank 0, rank 3 wait for it; ")) << text.advice;
}

TEST(StallText, ADeadlockListsPlaces) {
  const Statuses statuses = {waiting(1, 30), waiting(0, 31)};
  const std::vector<std::string> hosts = {"a", "b"};
  EXPECT_EQ(stall_text(*find_stall(statuses, kTimeout), statuses, hosts).problem,
            "all wait for each other, for 30 s:\n"
            "  rank 0 on a: prefill, layer 4; waits for rank 1\n"
            "  rank 1 on b: prefill, layer 4; waits for rank 0");
}

TEST(StallText, ManyRanksAreCounted) {
  Statuses statuses(1024, waiting(0, 1));
  for (std::size_t i = 0; i < 64; ++i) statuses[512 + i].silent_seconds = 11;
  const std::vector<std::string> hosts(1024, "h");
  const ErrorText text = stall_text(*find_stall(statuses, kTimeout), statuses, hosts);
  EXPECT_EQ(text.where, "rank 512 on h");
  EXPECT_NE(text.problem.find("; the same of ranks 513, "), std::string::npos) << text.problem;
  EXPECT_NE(text.problem.find(", 528 and 47 more"), std::string::npos) << text.problem;
}

TEST(WhoWatchesWhom, EveryRankIsHeardOfAndTellsThoseWhoHear) {
  for (const int size : {1, 2, 3, 4, 5, 1024}) {
    std::vector<int> heard(static_cast<std::size_t>(size));
    for (int member = 0; member < size; ++member) {
      for (const int other : hears_of(member, size)) {
        ++heard[static_cast<std::size_t>(other)];
        const auto to = tells(other, size);
        EXPECT_TRUE(std::find(to.begin(), to.end(), member) != to.end()) << other << " does not tell " << member;
      }
    }
    EXPECT_GE(*std::min_element(heard.begin(), heard.end()), size > 1 ? 1 : 0) << size;
    EXPECT_LE(*std::max_element(heard.begin(), heard.end()), 2) << size;
  }
}

TEST(WhoWatchesWhom, OfFiveRanks) {
  EXPECT_EQ(hears_of(0, 5), (std::vector{1, 2, 3, 4}));
  EXPECT_EQ(tells(0, 5), (std::vector{1, 4}));
  EXPECT_EQ(hears_of(1, 5), std::vector{0});
  EXPECT_EQ(hears_of(2, 5), std::vector<int>());
  EXPECT_EQ(hears_of(4, 5), std::vector{0});
}

TEST(StillClock, CountsTimeWithoutProgress) {
  StillClock clock(1);
  clock.look(1, false);
  clock.look(1.5, false);
  EXPECT_EQ(clock.seconds(), 2.5);
  clock.look(1, true);
  EXPECT_EQ(clock.seconds(), 0);
}

TEST(StillClock, ALookThatComesLateCountsAsTwoAtMost) {
  StillClock clock(1);
  clock.look(3600, false);  // the machine slept
  EXPECT_EQ(clock.seconds(), 2);
}

}  // namespace
}  // namespace gemring
