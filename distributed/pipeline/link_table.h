// Which rows of a chunk go from which member of a stage to which member of the next one. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "distributed/plan/zigzag.h"

namespace gemring {

/// Rows [begin, begin + count) of a member's shard, as they lie in memory.
struct RowRange {
  std::size_t begin = 0;
  std::size_t count = 0;
  bool operator==(const RowRange&) const = default;
};

/// One message of a link: the rows that two members share, in order of position.
struct LinkMessage {
  int peer = 0;                // member of the other stage
  std::vector<RowRange> rows;  // in this member's shard
  std::size_t row_count() const;
  bool operator==(const LinkMessage&) const = default;
};

/// Messages between `member` of the shards `own` and every member of the shards `other` of the same chunk; empty ones
/// are left out. The same function serves both ends: sender (own = here, other = next stage) and receiver (own = here,
/// other = previous).
///
///     chunk of 8 positions, 2 members here (0 1 | 6 7 and 2 3 4 5), 1 member in the next stage:
///     link_messages(own, 0, other) = {peer 0: rows 0-1, 2-3}      at the sender's member 0
///     link_messages(other, 0, own) = {peer 0: rows 0-1, 6-7}, {peer 1: rows 2-5}      at the receiver
std::vector<LinkMessage> link_messages(const ZigzagShards& own, int member, const ZigzagShards& other);

}  // namespace gemring
