#include "distributed/comm/broadcast_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace gemring {
namespace {

std::string children_text(int member, int size, int fan_out) {
  const BroadcastTree tree(member, size, fan_out);
  std::string text = std::to_string(member) + " ->";
  for (const MemberRange child : tree.children()) text += " " + std::to_string(child.first);
  return text;
}

TEST(BroadcastTree, ElevenRanksAsInTheHeader) {
  EXPECT_EQ(children_text(0, 11, 2), "0 -> 1 6");
  EXPECT_EQ(children_text(1, 11, 2), "1 -> 2 4");
  EXPECT_EQ(children_text(2, 11, 2), "2 -> 3");
  EXPECT_EQ(children_text(3, 11, 2), "3 ->");
  EXPECT_EQ(children_text(4, 11, 2), "4 -> 5");
  EXPECT_EQ(children_text(6, 11, 2), "6 -> 7 9");
  EXPECT_EQ(children_text(9, 11, 2), "9 -> 10");
}

TEST(BroadcastTree, UpToFiveRanksAllHearOfRankZeroItself) {
  for (int size = 2; size <= 5; ++size) {
    for (int member = 1; member < size; ++member) EXPECT_EQ(BroadcastTree(member, size).parent(), 0);
  }
}

/// Follows the tree of `size` ranks from rank 0, by what each rank knows of its children alone.
struct Walk {
  std::vector<int> times;  // each rank was reached
  int deepest = 0;
  std::size_t most_children = 0;

  Walk(int size, int fan_out) : times(static_cast<std::size_t>(size)) { visit(0, {0, size}, -1, 0, size, fan_out); }

  void visit(int member, MemberRange subtree, int parent, int depth, int size, int fan_out) {
    const BroadcastTree tree(member, size, fan_out);
    ++times[static_cast<std::size_t>(member)];
    deepest = std::max(deepest, depth);
    most_children = std::max(most_children, tree.children().size());
    EXPECT_EQ(tree.parent(), parent);
    EXPECT_EQ(tree.subtree(), subtree);
    for (const MemberRange child : tree.children()) visit(child.first, child, member, depth + 1, size, fan_out);
  }
};

TEST(BroadcastTree, EveryRankOfUpTo1024IsReachedOnceAndAgreesWithItsParent) {
  std::vector<int> sizes = {255, 256, 257, 511, 777, 1000, 1023, 1024};
  for (int size = 1; size <= 100; ++size) sizes.push_back(size);
  for (const int size : sizes) {
    for (const int fan_out : {1, 2, 3, 4, 8}) {
      if (fan_out == 1 && size > 64) continue;  // a chain
      const Walk walk(size, fan_out);
      EXPECT_EQ(std::count(walk.times.begin(), walk.times.end(), 1), size) << size << " ranks, fan-out " << fan_out;
      EXPECT_LE(walk.most_children, static_cast<std::size_t>(fan_out));
      int deepest = 0;  // of a tree of that fan-out that holds as many
      for (long level = 1, ranks = 1; ranks < size; ranks += level) {
        level *= fan_out;
        ++deepest;
      }
      EXPECT_EQ(walk.deepest, deepest) << size << " ranks, fan-out " << fan_out;
    }
  }
}

TEST(BroadcastTree, RoundsCountWhatGoesOneBehindTheOther) {
  EXPECT_EQ(broadcast_rounds(1), 0);
  EXPECT_EQ(broadcast_rounds(2), 1);
  EXPECT_EQ(broadcast_rounds(5), 4);
  EXPECT_EQ(broadcast_rounds(11, 2), 5);  // 0 -> 6 is the second, 6 -> 9 the fourth, 9 -> 10 the fifth
  EXPECT_EQ(broadcast_rounds(8, 1), 7);
  EXPECT_LE(broadcast_rounds(1024), 20);
}

TEST(BroadcastTree, RoundsToSomeRanksPassThoseWhoDoNotReadBy) {
  const auto rounds = [](std::vector<int> readers) { return broadcast_rounds(11, ranges_of(std::move(readers)), 2); };
  EXPECT_EQ(rounds({}), 0);
  EXPECT_EQ(rounds({0}), 0);
  EXPECT_EQ(rounds({6}), 1);      // nothing goes to 1
  EXPECT_EQ(rounds({1, 6}), 2);   // 0 -> 1, 0 -> 6
  EXPECT_EQ(rounds({10}), 3);     // 0 -> 6 -> 9 -> 10
  EXPECT_EQ(rounds({2, 10}), 4);  // 0 -> 6 is the second
  EXPECT_EQ(rounds({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}), broadcast_rounds(11, 2));
}

TEST(RangesOf, RanksInAnyOrderBecomeFewRanges) {
  using Ranges = std::vector<MemberRange>;
  EXPECT_EQ(ranges_of({}), Ranges{});
  EXPECT_EQ(ranges_of({3}), (Ranges{{3, 4}}));
  EXPECT_EQ(ranges_of({7, 2, 3, 1, 3, 8}), (Ranges{{1, 4}, {7, 9}}));
}

}  // namespace
}  // namespace gemring
