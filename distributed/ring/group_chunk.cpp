#include "distributed/ring/group_chunk.h"

#include <algorithm>

#include "engine/base/check.h"

namespace gemring {

void GroupChunk::begin(const ZigzagShards& shards, const LastLayer& last) {
  GEMRING_CHECK(shards.members() == members(), "shards of {} members, a group of {}", shards.members(), members());
  last_ = last;
  for (int member = 0; member < members(); ++member) {
    const auto index = static_cast<std::size_t>(member);
    queries_[index] = shards.positions(member);
    keys_[index].insert(keys_[index].end(), queries_[index].begin(), queries_[index].end());
  }
}

std::span<const GlobalPosition> GroupChunk::queries(int member, LayerIndex layer) const {
  const auto& all = queries_[static_cast<std::size_t>(member)];
  if (!last_.is(layer)) return all;
  const auto first = std::lower_bound(all.begin(), all.end(), last_.wanted_from);
  return std::span(all).subspan(static_cast<std::size_t>(first - all.begin()));
}

}  // namespace gemring
