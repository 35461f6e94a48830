#include "distributed/plan/ring_choice.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "distributed/plan/message_types.h"
#include "distributed/plan/work_terms.h"

namespace gemring {
namespace {

/// What is left of ascending ranges from a position on.
std::vector<PositionRange> ranges_from(std::vector<PositionRange> ranges, GlobalPosition begin) {
  std::erase_if(ranges, [&](const PositionRange& range) { return range.end <= begin; });
  for (PositionRange& range : ranges) range.begin = std::max(range.begin, begin);
  return ranges;
}

std::int32_t size_of(const std::vector<PositionRange>& ranges) {
  std::int32_t size = 0;
  for (const PositionRange& range : ranges) size += range.size();
  return size;
}

}  // namespace

RingOptions on_links(RingOptions options, const GroupLinks& measured) {
  options.links.hosts = measured.hosts;
  options.links.within_host = measured_or(measured.within_host, options.links.within_host);
  options.links.between_hosts = measured_or(measured.between_hosts, options.links.between_hosts);
  return options;
}

RingWork ring_work(const KvShape& shape, std::int32_t heads, DataType message_type) {
  const RingTypes types = ring_types(shape.type, message_type);
  RingWork work;
  work.heads = heads;
  work.kv_heads = static_cast<std::int32_t>(shape.kv_heads);
  work.head_dim = static_cast<std::int32_t>(shape.head_dim);
  work.kv_type = types.keys;
  work.query_type = types.queries;
  work.state_type = types.outputs;
  return work;
}

RingChoice choose_variants(std::span<const ZigzagShards> chunks, const LastLayer& last, const KvShape& shape,
                           std::int32_t heads, const RingOptions& options) {
  RingChoice choice;
  if (chunks.empty()) return choice;
  const auto members = static_cast<std::size_t>(chunks.front().members());
  RingWork work = ring_work(shape, heads, options.message_type);
  work.keys.resize(members);
  const auto chosen_for = [&](const ZigzagShards& shards, GlobalPosition from) {
    work.queries.clear();
    double most_seen = 0;  // keys that a member's queries see in all: its part of the attention's work
    for (std::size_t member = 0; member < members; ++member) {
      const auto ranges = ranges_from(shards.ranges(static_cast<int>(member)), from);
      work.queries.push_back(size_of(ranges));
      most_seen = std::max(most_seen, keys_seen(ranges, std::numeric_limits<std::int32_t>::max()));
    }
    if (options.attention_flops > 0)
      work.attention_seconds = 4.0 * most_seen * work.heads * work.head_dim / options.attention_flops;
    ChosenRing chosen = choose_ring(work, options.links, options.variant);
    auto& most = choice.most_queries[static_cast<std::size_t>(chosen.variant)];
    most = std::max(most.value_or(0), *std::max_element(work.queries.begin(), work.queries.end()));
    return RingChoice::Layer{chosen.variant, std::move(chosen.cost.bytes_sent)};
  };
  for (const ZigzagShards& shards : chunks) {
    for (std::size_t member = 0; member < members; ++member) work.keys[member] += shards.size(static_cast<int>(member));
    RingChoice::Chunk& chunk = choice.chunks.emplace_back();
    chunk.others = chosen_for(shards, GlobalPosition(0));
    if (last.here()) chunk.last = chosen_for(shards, last.wanted_from);
    choice.all_keys += shards.range().size();
  }
  choice.most_keys = *std::max_element(work.keys.begin(), work.keys.end());
  return choice;
}

}  // namespace gemring
