#include "distributed/ring/group_attention.h"

#include <algorithm>

#include "distributed/ring/all_gather.h"
#include "distributed/ring/pass_kv.h"
#include "distributed/ring/pass_q.h"
#include "distributed/ring/token_ring.h"
#include "engine/base/check.h"
#include "engine/base/error.h"

namespace gemring {
namespace {

std::unique_ptr<RingPass> make_pass(RingVariant variant, const RingParts& parts, const RingExtent& extent) {
  switch (variant) {
    case RingVariant::pass_kv:
      return std::make_unique<PassKv>(parts, extent);
    case RingVariant::pass_q:
      return std::make_unique<PassQ>(parts, extent);
    case RingVariant::token_ring:
      return std::make_unique<TokenRing>(parts, extent);
    case RingVariant::all_gather:
      return std::make_unique<AllGather>(parts, extent);
  }
  GEMRING_CHECK(false, "variant {}", static_cast<int>(variant));
}

void check_width(std::size_t width, DataType type, const char* what) {
  if (width % block_elements(type) == 0) return;
  throw ConfigError(
      {"--message-type int8",
       fmt::format("{} of this model have {} numbers a token, no multiple of {}", what, width, block_elements(type)),
       "take --message-type bf16"});
}

}  // namespace

GroupAttention::GroupAttention(KvCache& cache, Communicator& group, const std::vector<ZigzagShards>& chunks,
                               std::size_t heads, const LastLayer& last, const RingOptions& options)
    : cache_(cache), group_(group), chunks_(chunks), last_(last), chunk_(group.size()) {
  const KvShape& shape = cache.shape();
  check_width(heads * shape.head_dim, options.message_type, "queries");
  check_width(shape.kv_heads * shape.head_dim, options.message_type, "keys");
  choice_ = choose_variants(chunks, last, shape, static_cast<std::int32_t>(heads), options);
  const auto members = static_cast<std::size_t>(group.size());
  for (const RingVariant variant : kRingVariants) {
    // A pass is made for the queries that it will see: few, where only the last layer goes by it.
    const auto extent = ring_extent(variant, choice_, shape, heads, options.message_type, members);
    if (extent) passes_[static_cast<std::size_t>(variant)] = make_pass(variant, {cache, group, chunk_}, *extent);
  }
}

void GroupAttention::begin_chunk(std::size_t index) {
  current_ = index;
  chunk_.begin(chunks_[index], last_);
  GEMRING_CHECK(chunk_.keys(group_.member()).size() == cache_.positions().size(), "{} keys, {} in the cache",
                chunk_.keys(group_.member()).size(), cache_.positions().size());
}

void GroupAttention::write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k,
                           HeadsView<const float> v) {
  cache_.write(layer, first_row, k, v);
}

void GroupAttention::attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
                            const AttentionShape& shape) {
  const std::size_t expected = chunk_.queries(group_.member(), layer).size();
  GEMRING_CHECK(positions.size() == expected && q.tokens() == expected, "{} queries at {} positions, {} expected",
                q.tokens(), positions.size(), expected);
  GEMRING_CHECK(shape.sinks == 0, "{} sinks in a ring", shape.sinks);
  const RingChoice::Chunk& chosen = choice_.chunks[current_];
  const RingVariant variant = last_.is(layer) ? chosen.last.variant : chosen.others.variant;
  passes_[static_cast<std::size_t>(variant)]->attend(layer, q, shape);
}

}  // namespace gemring
