// Sequence shards: who owns which positions of a sequence (or of one chunk of it).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/types.h"

namespace gemring {

/// Positions [begin, end) of a sequence.
struct PositionRange {
  GlobalPosition begin;
  GlobalPosition end;
  std::int32_t size() const { return end - begin; }
  bool operator==(const PositionRange&) const = default;
};

/// Shares of the members of a group, any whole numbers from 1 on, their sum at most kMostShares; {3, 1}: the first one
/// holds three quarters of the positions.
using Shares = std::vector<std::int32_t>;
inline constexpr std::int64_t kMostShares = 1'000'000'000;  // 2 x sum x positions fits 64 bits

/// Zigzag shards: g members cut the range into 2g parts, and member i holds parts i and 2g - 1 - i. Borders follow the
/// cumulative shares w0 .. w(g-1), w(g-1) .. w0: part j begins at floor(n W(j) / W(2g)), with equal shares at
/// floor(j n / 2g). Causal work is then balanced: a member's two parts have the same distance from the middle, so its
/// queries see keys in proportion to its share. The last position is always member 0's.
///
///     n = 11 positions, g = 3 equal members, 2g = 6 parts with borders floor(11 j / 6): 0 1 3 5 7 9 11
///     member 0: parts 0 and 5 -> positions 0   | 9 10
///     member 1: parts 1 and 4 -> positions 1 2 | 7 8
///     member 2: parts 2 and 3 -> positions 3 4 | 5 6
///
///     the same with shares 3, 1, 2: W = 0 3 4 6 8 9 12, borders floor(11 W / 12): 0 2 3 5 7 8 11
///     member 0: parts 0 and 5 -> positions 0 1 | 8 9 10
///     member 1: parts 1 and 4 -> positions 2   | 7
///     member 2: parts 2 and 3 -> positions 3 4 | 5 6
///
/// With one member its two parts are one range. Any n >= 0 and g >= 1: parts may be empty, the last never is for n
/// >= 1.
class ZigzagShards {
 public:
  ZigzagShards(PositionRange range, int members);                           // equal shares
  ZigzagShards(PositionRange range, std::span<const std::int32_t> shares);  // of each member

  int members() const { return static_cast<int>(borders_.size() / 2); }
  PositionRange range() const { return range_; }

  /// The member's positions as ascending, non-empty, non-touching ranges (none, one or two).
  std::vector<PositionRange> ranges(int member) const;

  /// The member's positions, ascending: position of LocalPosition(i) is positions(member)[i].
  std::vector<GlobalPosition> positions(int member) const;

  std::int32_t size(int member) const;
  std::int32_t largest() const;  // size of the largest shard

  int owner(GlobalPosition position) const;
  LocalPosition local(GlobalPosition position) const;  // row in the owner's shard

 private:
  std::int32_t border(int part) const { return borders_[static_cast<std::size_t>(part)]; }
  int part_of(GlobalPosition position) const;
  PositionRange range_;
  std::vector<std::int32_t> borders_;  // [2 members + 1], offsets of the parts' first positions in the range
};

}  // namespace gemring
