// Along which ranks a message of rank 0 reaches all of them.
#pragma once

#include <span>
#include <vector>

namespace gemring {

/// Members first .. end - 1 of a communicator.
struct MemberRange {
  int first = 0;
  int end = 0;
  bool contains(int rank) const { return first <= rank && rank < end; }
  bool meets(MemberRange other) const { return first < other.end && other.first < end; }
  bool operator==(const MemberRange&) const = default;
};

/// These ranks, in any order, as ranges in rising order that do not touch.
std::vector<MemberRange> ranges_of(std::vector<int> ranks);

/// The place of one rank in the tree. A rank passes a message on to `fan_out` others at most, each of which is the
/// first of a run of consecutive ranks and serves the rest of it the same way. Ranks of a host follow each other, so a
/// message crosses the network about once for each host. Up to fan_out + 1 ranks, all hear of rank 0 itself.
///
///     11 ranks, fan_out 2:   0 -> 1, 6    1 -> 2, 4    2 -> 3    4 -> 5    6 -> 7, 9    7 -> 8    9 -> 10
class BroadcastTree {
 public:
  static constexpr int kFanOut = 4;  // 1,024 ranks: 5 steps of 4 messages; 5 ranks: no step between

  BroadcastTree(int member, int size, int fan_out = kFanOut);

  int parent() const { return parent_; }                               // -1 of rank 0
  MemberRange subtree() const { return subtree_; }                     // this rank and those it serves
  std::span<const MemberRange> children() const { return children_; }  // their subtrees; a child is its subtree's first

 private:
  int parent_ = -1;
  MemberRange subtree_;
  std::vector<MemberRange> children_;
};

/// How many times a message's time pass until the last of `size` ranks has it, where a rank sends to one after the
/// other and passes on what it has in whole.
int broadcast_rounds(int size, int fan_out = BroadcastTree::kFanOut);
/// The same of what travels to `readers` alone, as ranges_of() makes them, and to those on the way.
int broadcast_rounds(int size, std::span<const MemberRange> readers, int fan_out = BroadcastTree::kFanOut);

}  // namespace gemring
