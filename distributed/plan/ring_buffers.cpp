#include "distributed/plan/ring_buffers.h"

#include <algorithm>

#include "engine/base/types.h"
#include "engine/kernels/kernel_table.h"

namespace gemring {

RingBuffers ring_buffers(RingVariant variant, const RingExtent& extent) {
  const RingTypes& types = extent.types;
  const DataType cached = extent.shape.type;
  const std::size_t head_dim = extent.shape.head_dim;
  const std::size_t others = extent.members - 1;
  const auto keys_values = [&](std::size_t tokens, DataType type) {
    return 2 * stored_bytes(type, tokens * extent.shape.kv_heads * head_dim);
  };
  const auto queries = [&](DataType type) { return stored_bytes(type, extent.max_queries * extent.heads * head_dim); };
  const auto part = [&](DataType type) { return part_bytes(extent.max_queries, extent.heads, head_dim, type); };
  const std::size_t block = keys_values(extent.max_keys, types.keys);

  RingBuffers buffers;
  buffers.seen = extent.max_queries * sizeof(KeyRange);
  const auto travelling_keys = [&](std::size_t blocks) {
    if (types.keys != cached) buffers.own_keys = block;
    buffers.key_blocks = {blocks, block};
  };
  const auto travelling_queries = [&](std::size_t blocks, std::size_t parts) {
    if (types.queries != DataType::f32) {
      buffers.own_queries = queries(types.queries);
      buffers.unpacked_queries = queries(DataType::f32);
    }
    buffers.query_blocks = {blocks, queries(types.queries)};
    buffers.parts = {parts, part(DataType::f32)};
    if (types.outputs != DataType::f32) buffers.part_messages = {parts, part(types.outputs)};
  };
  switch (variant) {
    case RingVariant::pass_kv:
      buffers.state = part(DataType::f32);
      travelling_keys(std::min<std::size_t>(others, 2));
      if (is_block_type(types.keys)) buffers.cached_keys = keys_values(extent.max_keys, cached);
      break;
    case RingVariant::pass_q:
      buffers.state = part(DataType::f32);
      if (others > 0) travelling_queries(others, 2 * others);  // parts of own queries, and of every other member's
      break;
    case RingVariant::token_ring:
      buffers.state = part(DataType::f32);
      if (others > 0) travelling_queries(2, 4);  // a step's, while the next one's are under way
      break;
    case RingVariant::all_gather:
      buffers.state = part(DataType::f32) - queries(DataType::f32);
      travelling_keys(others);
      buffers.cached_keys = keys_values(extent.all_keys, cached);
      buffers.positions = extent.all_keys * sizeof(GlobalPosition);
      break;
  }
  return buffers;
}

std::optional<RingExtent> ring_extent(RingVariant variant, const RingChoice& choice, const KvShape& shape,
                                      std::size_t heads, DataType message_type, std::size_t members) {
  const auto most_queries = choice.most_queries[static_cast<std::size_t>(variant)];
  if (!most_queries) return std::nullopt;
  return RingExtent{.shape = shape,
                    .heads = heads,
                    .types = ring_types(shape.type, message_type),
                    .members = members,
                    .max_queries = static_cast<std::size_t>(*most_queries),
                    .max_keys = static_cast<std::size_t>(choice.most_keys),
                    .all_keys = static_cast<std::size_t>(choice.all_keys)};
}

StripeBuffers stripe_buffers(const KvShape& shape, std::size_t heads, std::size_t members) {
  const std::size_t part = part_bytes(1, heads, shape.head_dim, DataType::f32);
  return {.token = (2 * shape.kv_heads + heads) * shape.head_dim * sizeof(float),
          .state = part,
          .parts = {members - 1, part}};
}

}  // namespace gemring
