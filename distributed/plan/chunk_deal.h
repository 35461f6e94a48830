// Who works on which chunks of a text in a windowed filter pass.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "distributed/plan/zigzag.h"
#include "engine/base/types.h"

namespace gemring {

/// Tokens of a chunk. The grid depends on nothing else, so that keys have the same bits for any number of ranks and any
/// length of the text. Long enough for products on tiles (kTiledTokenBlock), and the longest window that there can be.
inline constexpr std::int32_t kFilterChunk = 2048;

/// Chunks [c length, (c + 1) length) of n positions, the last one shorter, dealt out in turn: with equal shares chunk c
/// is member c mod g's, else each is the member's that is furthest behind its share (ties: the lower member).
///
///     n = 11 positions, length 2, shares 2, 1: chunks 0 1 2 3 4 5 -> members 0 1 0 0 1 0
///
/// A round is g chunks: what the group does in one step.
class ChunkDeal {
 public:
  ChunkDeal(std::int32_t positions, std::int32_t length, std::span<const std::int32_t> shares);

  int members() const { return members_; }
  std::int32_t positions() const { return positions_; }
  std::int32_t length() const { return length_; }
  std::int32_t chunks() const { return static_cast<std::int32_t>(owners_.size()); }
  std::int32_t rounds() const { return (chunks() + members_ - 1) / members_; }
  /// Chunks of a round: [first, second).
  std::pair<std::int32_t, std::int32_t> round(std::int32_t index) const;

  int owner(std::int32_t chunk) const { return owners_.at(static_cast<std::size_t>(chunk)); }
  PositionRange range(std::int32_t chunk) const;
  /// Behind `chunk`, the next of the same member; chunks() where there is none.
  std::int32_t next_of(int member, std::int32_t chunk) const;

  /// The member's positions, ascending.
  std::vector<GlobalPosition> positions_of(int member) const;
  std::int32_t size(int member) const;
  /// Of what all members hold of long texts together, in bytes.
  std::uint64_t share_of(int member, std::uint64_t bytes) const;

 private:
  int members_;
  std::vector<std::int32_t> shares_;
  std::int32_t positions_, length_;
  std::vector<int> owners_;  // [chunks]
};

}  // namespace gemring
