#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/distributed/comm/bytes.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

std::vector<int> members_from(int first) {
  std::vector<int> members(static_cast<std::size_t>(std::max(0, world().size() - first)));
  std::iota(members.begin(), members.end(), first);
  return members;
}

/// World ranks of the group, as its all_gather finds them.
std::vector<int> gathered_world_ranks(Communicator& group) {
  const int own = world().member();
  std::vector<int> ranks;
  for (const auto& bytes : group.all_gather(std::as_bytes(std::span(&own, 1)))) {
    int rank = -1;
    std::copy(bytes.begin(), bytes.end(), std::as_writable_bytes(std::span(&rank, 1)).begin());
    ranks.push_back(rank);
  }
  return ranks;
}

TEST(Groups, ThoseNotNamedGetNothing) {
  const std::vector<int> members = members_from(1);
  const auto group = world().group(members);
  EXPECT_EQ(group != nullptr, world().member() >= 1);
  if (!group) return;
  EXPECT_EQ(gathered_world_ranks(*group), members);
}

TEST(Groups, MembersHaveTheGivenOrder) {
  std::vector<int> members = members_from(0);
  std::reverse(members.begin(), members.end());
  const auto group = world().group(members);
  EXPECT_EQ(group->member(), world().size() - 1 - world().member());
  EXPECT_EQ(group->size(), world().size());
  EXPECT_EQ(group->world_rank(0), RankId(world().size() - 1));
  EXPECT_EQ(gathered_world_ranks(*group), members);
}

TEST(Groups, AGroupOfAGroupNamesMembersOfThatGroup) {
  std::vector<int> members = members_from(0);
  std::reverse(members.begin(), members.end());
  const auto reversed = world().group(members);
  const std::vector<int> first_two = world().size() == 1 ? std::vector<int>{0} : std::vector<int>{1, 0};
  const auto inner = reversed->group(first_two);
  if (world().size() == 1) {
    EXPECT_EQ(gathered_world_ranks(*inner), std::vector<int>{0});
  } else if (inner) {  // members 1 and 0 of n-1, n-2, ...: world ranks n-2 and n-1
    EXPECT_EQ(gathered_world_ranks(*inner), (std::vector<int>{world().size() - 2, world().size() - 1}));
    EXPECT_EQ(inner->world_rank(1), RankId(world().size() - 1));
  }
  EXPECT_EQ(inner != nullptr, world().member() >= world().size() - 2);
}

TEST(Groups, ASingleMemberGroupTalksToItself) {
  for (int only = 0; only < world().size(); ++only) {
    const auto group = world().group(std::vector<int>{only});
    EXPECT_EQ(group != nullptr, world().member() == only);
    if (!group) continue;
    EXPECT_EQ(group->size(), 1);
    EXPECT_EQ(group->world_rank(0), RankId(only));
    const auto out = numbered(only, 3);
    std::vector<std::int32_t> in(3);
    Transfer receiving = receive(*group, std::span(in), 0, MessageKind::ring);
    send(*group, std::span(out), 0, MessageKind::ring).wait();
    receiving.wait();
    EXPECT_EQ(in, out);
    group->barrier();
    group->broadcast(std::as_writable_bytes(std::span(in)), 0);
    EXPECT_EQ(gathered_world_ranks(*group), std::vector<int>{only});
  }
}

TEST(Groups, AnEmptyGroupIsNobodys) {
  EXPECT_EQ(world().group({}), nullptr);
}

TEST(Groups, TheSameKindInTwoGroupsDoesNotMix) {
  const auto group = world().group(members_from(0));
  const std::int32_t in_world = 1;
  const std::int32_t in_group = 2;
  std::int32_t from_world = 0;
  std::int32_t from_group = 0;
  const int self = world().member();
  Transfer first = receive(*group, std::span(&from_group, 1), self, MessageKind::ring);
  Transfer second = receive(world(), std::span(&from_world, 1), self, MessageKind::ring);
  send(world(), std::span(&in_world, 1), self, MessageKind::ring).wait();
  send(*group, std::span(&in_group, 1), self, MessageKind::ring).wait();
  first.wait();
  second.wait();
  EXPECT_EQ(from_world, 1);
  EXPECT_EQ(from_group, 2);
}

TEST(Groups, AGroupCountsIntoTheTotalsOfItsMaker) {
  const auto group = world().group(members_from(0));
  const std::uint64_t before = world().totals().bytes_sent;
  const std::vector<std::int32_t> data(5);
  group->all_gather(std::as_bytes(std::span(data)));
  EXPECT_EQ(world().totals().bytes_sent - before, 20u * static_cast<std::uint64_t>(world().size() - 1));
  EXPECT_EQ(group->totals().bytes_sent, world().totals().bytes_sent);
}

}  // namespace
}  // namespace gemring
