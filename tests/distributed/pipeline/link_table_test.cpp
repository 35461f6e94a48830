#include "distributed/pipeline/link_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace gemring {
namespace {

using Messages = std::vector<LinkMessage>;

ZigzagShards shards(int begin, int end, int members) {
  return {{GlobalPosition(begin), GlobalPosition(end)}, members};
}

TEST(LinkMessages, TheWorkedExampleOfTheHeader) {
  const ZigzagShards here = shards(0, 8, 2);  // 0 1 | 6 7  and  2 3 | 4 5
  const ZigzagShards next = shards(0, 8, 1);
  EXPECT_EQ(link_messages(here, 0, next), (Messages{{0, {{0, 2}, {2, 2}}}}));
  EXPECT_EQ(link_messages(here, 1, next), (Messages{{0, {{0, 4}}}}));
  EXPECT_EQ(link_messages(next, 0, here), (Messages{{0, {{0, 2}, {6, 2}}}, {1, {{2, 4}}}}));
}

TEST(LinkMessages, TwoMembersToThree) {
  // 11 positions. Here: borders 0 2 5 8 11, so 0 1 | 8 9 10 and 2..7. There: 0 | 9 10, 1 2 | 7 8, 3 4 5 6.
  const ZigzagShards here = shards(0, 11, 2);
  const ZigzagShards there = shards(0, 11, 3);
  EXPECT_EQ(link_messages(here, 0, there), (Messages{{0, {{0, 1}, {3, 2}}}, {1, {{1, 1}, {2, 1}}}}));
  EXPECT_EQ(link_messages(here, 1, there), (Messages{{1, {{0, 1}, {5, 1}}}, {2, {{1, 4}}}}));
  EXPECT_EQ(link_messages(there, 1, here), (Messages{{0, {{0, 1}, {3, 1}}}, {1, {{1, 1}, {2, 1}}}}));
}

TEST(LinkMessages, EqualGroupsSendStraightAhead) {
  for (int members = 1; members <= 5; ++members) {
    const ZigzagShards both = shards(100, 163, members);
    for (int member = 0; member < members; ++member) {
      const Messages messages = link_messages(both, member, both);
      ASSERT_EQ(messages.size(), 1u);
      EXPECT_EQ(messages[0].peer, member);
      EXPECT_EQ(messages[0].row_count(), static_cast<std::size_t>(both.size(member)));
    }
  }
}

TEST(LinkMessages, EmptyOnesAreLeftOut) {
  const ZigzagShards one = shards(5, 6, 1);    // a chunk of one position,
  const ZigzagShards three = shards(5, 6, 3);  // which is the first member's
  EXPECT_EQ(link_messages(one, 0, three), (Messages{{0, {{0, 1}}}}));
  EXPECT_EQ(link_messages(three, 0, one), (Messages{{0, {{0, 1}}}}));
  EXPECT_TRUE(link_messages(three, 1, one).empty());
  EXPECT_TRUE(link_messages(three, 2, one).empty());
  EXPECT_TRUE(link_messages(shards(5, 5, 2), 0, shards(5, 5, 3)).empty());
}

/// Positions of a message's rows, in order.
std::vector<std::int32_t> positions_of(const LinkMessage& message, const ZigzagShards& own, int member) {
  const auto all = own.positions(member);
  std::vector<std::int32_t> positions;
  for (const RowRange& range : message.rows) {
    for (std::size_t i = 0; i < range.count; ++i) positions.push_back(all.at(range.begin + i).value());
  }
  return positions;
}

/// Every row reaches its owner exactly once, in order of position, and both ends name the same rows.
void expect_complete(const ZigzagShards& here, const ZigzagShards& there) {
  std::map<std::pair<int, int>, std::vector<std::int32_t>> sent;
  std::vector<std::int32_t> all;
  for (int member = 0; member < here.members(); ++member) {
    for (const LinkMessage& message : link_messages(here, member, there)) {
      const auto positions = positions_of(message, here, member);
      EXPECT_TRUE(sent.emplace(std::pair(member, message.peer), positions).second) << "two messages of one pair";
      EXPECT_TRUE(std::is_sorted(positions.begin(), positions.end()));
      EXPECT_EQ(message.row_count(), positions.size());
      for (const std::int32_t position : positions) {
        EXPECT_EQ(here.owner(GlobalPosition(position)), member);
        EXPECT_EQ(there.owner(GlobalPosition(position)), message.peer);
      }
      all.insert(all.end(), positions.begin(), positions.end());
    }
  }
  std::map<std::pair<int, int>, std::vector<std::int32_t>> received;
  for (int member = 0; member < there.members(); ++member) {
    for (const LinkMessage& message : link_messages(there, member, here)) {
      received.emplace(std::pair(message.peer, member), positions_of(message, there, member));
    }
  }
  EXPECT_EQ(sent, received);
  std::sort(all.begin(), all.end());
  std::vector<std::int32_t> expected;
  for (GlobalPosition p = here.range().begin; p < here.range().end; ++p) expected.push_back(p.value());
  EXPECT_EQ(all, expected);
}

TEST(LinkMessages, EveryRowReachesItsOwnerExactlyOnce) {
  for (int n = 0; n <= 40; ++n) {
    for (int here = 1; here <= 5; ++here) {
      for (int there = 1; there <= 5; ++there) {
        SCOPED_TRACE(std::to_string(n) + " positions, " + std::to_string(here) + " to " + std::to_string(there));
        expect_complete(shards(17, 17 + n, here), shards(17, 17 + n, there));
      }
    }
  }
}

}  // namespace
}  // namespace gemring
