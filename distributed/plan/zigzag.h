// Sequence shards: who owns which positions of a sequence (or of one chunk of it).
#pragma once

#include <cstdint>
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

/// Zigzag shards: g members cut the range into 2g parts; part j is [floor(j n / 2g), floor((j + 1) n / 2g)) and member
/// i holds parts i and 2g - 1 - i. Causal work is balanced, and the last position is always member 0's.
///
///     n = 11 positions, g = 3 members, 2g = 6 parts with borders floor(11 j / 6): 0 1 3 5 7 9 11
///     member 0: parts 0 and 5 -> positions 0   | 9 10
///     member 1: parts 1 and 4 -> positions 1 2 | 7 8
///     member 2: parts 2 and 3 -> positions 3 4 | 5 6
///
/// With one member its two parts are one range. Any n >= 0 and g >= 1: parts may be empty, the last never is for n
/// >= 1.
class ZigzagShards {
 public:
  ZigzagShards(PositionRange range, int members);

  int members() const { return members_; }
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
  std::int32_t border(int part) const;  // offset of its first position in the range
  int part_of(GlobalPosition position) const;
  PositionRange range_;
  int members_;
};

}  // namespace gemring
