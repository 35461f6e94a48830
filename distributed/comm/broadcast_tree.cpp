#include "distributed/comm/broadcast_tree.h"

#include <algorithm>

#include "engine/base/check.h"

namespace gemring {
namespace {

/// What the first rank of `subtree` leaves to others, cut into pieces as equal as they can be.
std::vector<MemberRange> pieces_of(MemberRange subtree, int fan_out) {
  const int others = subtree.end - subtree.first - 1;
  const int pieces = std::min(fan_out, others);
  std::vector<MemberRange> children;
  int first = subtree.first + 1;
  for (int piece = 0; piece < pieces; ++piece) {
    const int ranks = others / pieces + (piece < others % pieces ? 1 : 0);
    children.push_back({first, first + ranks});
    first += ranks;
  }
  return children;
}

/// From the first rank of `subtree` on.
int rounds_in(MemberRange subtree, std::span<const MemberRange> readers, int fan_out) {
  int rounds = 0;
  int before = 0;
  for (const MemberRange child : pieces_of(subtree, fan_out)) {
    if (std::none_of(readers.begin(), readers.end(), [&](MemberRange range) { return range.meets(child); })) continue;
    ++before;
    rounds = std::max(rounds, before + rounds_in(child, readers, fan_out));
  }
  return rounds;
}

}  // namespace

std::vector<MemberRange> ranges_of(std::vector<int> ranks) {
  std::sort(ranks.begin(), ranks.end());
  std::vector<MemberRange> ranges;
  for (const int rank : ranks) {
    if (!ranges.empty() && rank <= ranges.back().end)
      ranges.back().end = std::max(ranges.back().end, rank + 1);
    else
      ranges.push_back({rank, rank + 1});
  }
  return ranges;
}

BroadcastTree::BroadcastTree(int member, int size, int fan_out) : subtree_{0, size} {
  GEMRING_CHECK(0 <= member && member < size && fan_out >= 1, "member {} of {}, fan-out {}", member, size, fan_out);
  children_ = pieces_of(subtree_, fan_out);
  while (subtree_.first != member) {
    parent_ = subtree_.first;
    subtree_ =
        *std::find_if(children_.begin(), children_.end(), [&](MemberRange piece) { return piece.contains(member); });
    children_ = pieces_of(subtree_, fan_out);
  }
}

int broadcast_rounds(int size, int fan_out) {
  const MemberRange all = {0, size};
  return rounds_in(all, {&all, 1}, fan_out);
}

int broadcast_rounds(int size, std::span<const MemberRange> readers, int fan_out) {
  return rounds_in({0, size}, readers, fan_out);
}

}  // namespace gemring
