// Which positions every member of a group holds, in the chunk under way and before it. Pure; the same on every member.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "distributed/plan/ring_choice.h"
#include "distributed/plan/zigzag.h"
#include "engine/base/types.h"

namespace gemring {

class GroupChunk {
 public:
  explicit GroupChunk(int members) : queries_(static_cast<std::size_t>(members)), keys_(queries_.size()) {}

  /// The next chunk of the sequence. Only the model's last layer drops queries: those that are not wanted.
  void begin(const ZigzagShards& shards, const LastLayer& last);

  int members() const { return static_cast<int>(keys_.size()); }
  /// Of the chunk, ascending.
  std::span<const GlobalPosition> queries(int member, LayerIndex layer) const;
  /// Of this chunk and all before it, as they lie in the member's cache: ascending too.
  std::span<const GlobalPosition> keys(int member) const { return keys_[static_cast<std::size_t>(member)]; }

 private:
  LastLayer last_;
  std::vector<std::vector<GlobalPosition>> queries_, keys_;  // of each member
};

}  // namespace gemring
