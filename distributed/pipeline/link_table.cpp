#include "distributed/pipeline/link_table.h"

#include <algorithm>

namespace gemring {

std::size_t LinkMessage::row_count() const {
  std::size_t count = 0;
  for (const RowRange& range : rows) count += range.count;
  return count;
}

std::vector<LinkMessage> link_messages(const ZigzagShards& own, int member, const ZigzagShards& other) {
  std::vector<LinkMessage> messages;
  for (int peer = 0; peer < other.members(); ++peer) {
    LinkMessage message{peer, {}};
    for (const PositionRange& here : own.ranges(member)) {
      for (const PositionRange& there : other.ranges(peer)) {
        const GlobalPosition begin = std::max(here.begin, there.begin);
        const GlobalPosition end = std::min(here.end, there.end);
        if (begin < end) message.rows.push_back({own.local(begin).index(), static_cast<std::size_t>(end - begin)});
      }
    }
    if (!message.rows.empty()) messages.push_back(std::move(message));
  }
  return messages;
}

}  // namespace gemring
