#include "distributed/ring/ring_attention.h"

#include <algorithm>
#include <span>
#include <utility>

#include "distributed/plan/message_types.h"
#include "engine/base/check.h"
#include "engine/base/trace.h"
#include "engine/kernels/elementwise.h"

namespace gemring {
namespace {

/// A block under way: keys and values are two messages, so that both can leave straight from the cache.
struct BlockTransfer {
  Transfer keys;
  Transfer values;

  void wait() {
    keys.wait();
    values.wait();
  }
};

std::span<const std::byte> bytes(const void* data, std::size_t size) {
  return {static_cast<const std::byte*>(data), size};
}

}  // namespace

RingAttention::RingAttention(KvCache& cache, Communicator& group, const ZigzagShards& shards, std::size_t heads,
                             DataType message_type)
    : cache_(cache),
      group_(group),
      schedule_{group.size(), group.member()},
      message_type_(ring_type(cache.shape().type, message_type)),
      scratch_(heads, cache.shape().kv_heads, cache.shape().head_dim) {
  for (int member = 0; member < group.size(); ++member) positions_.push_back(shards.positions(member));
  const std::size_t own = positions_[static_cast<std::size_t>(group.member())].size();
  const auto largest = static_cast<std::size_t>(shards.largest());
  seen_.resize(own);
  o_ = Buffer<float>(own * heads * cache.shape().head_dim);
  m_ = Buffer<float>(own * heads);
  l_ = Buffer<float>(own * heads);
  if (cache.shape().type != message_type_) narrowed_ = Buffer<std::byte>(2 * block_bytes(own));
  for (int i = 0; i < std::min(group.size() - 1, 2); ++i) in_.emplace_back(2 * block_bytes(largest));
}

std::size_t RingAttention::block_bytes(std::size_t tokens) const {
  const KvShape& shape = cache_.shape();
  return tokens * shape.kv_heads * shape.head_dim * bytes_per_element(message_type_);
}

void RingAttention::write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) {
  cache_.write(layer, first_row, k, v);
}

RingAttention::Block RingAttention::own_block(LayerIndex layer) {
  const KeysValues own = cache_.step(layer);
  if (own.type == message_type_) return {own, schedule_.member};
  const TraceSpan span("pack message", SpanKind::convert, own.count);
  const std::size_t elements = own.count * own.kv_heads * own.head_dim;
  std::byte* keys = narrowed_.data();
  std::byte* values = keys + block_bytes(own.count);
  convert(own.type, own.keys, message_type_, keys, elements);
  convert(own.type, own.values, message_type_, values, elements);
  return {{message_type_, keys, values, own.count, own.kv_heads, own.head_dim}, schedule_.member};
}

RingAttention::Block RingAttention::incoming_block(int owner, std::size_t buffer) {
  const std::size_t count = positions_[static_cast<std::size_t>(owner)].size();
  const std::byte* keys = in_[buffer].data();
  return {{message_type_, keys, keys + block_bytes(count), count, cache_.shape().kv_heads, cache_.shape().head_dim},
          owner};
}

// K(s): the block of member (i - s) mod g.  C(s): attend to K(s).  X(s): send K(s) on, receive K(s + 1).
//     C(s) needs K(s);  X(s) needs K(s), writes K(s + 1);  so  C(s) || X(s),  then wait X(s).
// BEFORE  rank 0: K0   rank 1: K1   rank 2: K2
// AFTER   rank 0: K2   rank 1: K0   rank 2: K1          (one step)
void RingAttention::attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
                           std::int32_t window) {
  GEMRING_CHECK(cache_.empty_before_step() && q.tokens() <= seen_.size(), "{} queries of a shard of {}", q.tokens(),
                seen_.size());
  const PartialSoftmax state{{o_.data(), q.tokens(), q.heads(), q.head_dim()},
                             {m_.data(), q.tokens(), q.heads()},
                             {l_.data(), q.tokens(), q.heads()}};
  const std::span seen(seen_.data(), q.tokens());
  Block current = own_block(layer);
  for (int step = 0; step < schedule_.members; ++step) {
    BlockTransfer sending;
    BlockTransfer receiving;
    Block next;
    if (step + 1 < schedule_.members) {
      next = incoming_block(schedule_.block_at(step + 1), static_cast<std::size_t>(step % 2));
      const std::size_t size_in = block_bytes(next.kv.count);
      const std::size_t size_out = block_bytes(current.kv.count);
      std::byte* in = in_[static_cast<std::size_t>(step % 2)].data();
      receiving.keys = group_.receive({in, size_in}, schedule_.previous(), MessageKind::ring);
      receiving.values = group_.receive({in + size_in, size_in}, schedule_.previous(), MessageKind::ring);
      sending.keys = group_.send(bytes(current.kv.keys, size_out), schedule_.next(), MessageKind::ring);
      sending.values = group_.send(bytes(current.kv.values, size_out), schedule_.next(), MessageKind::ring);
    }
    // A member's own block is taken from the cache, which may be finer than the message.
    const KeysValues& kv = step == 0 ? cache_.step(layer) : current.kv;
    find_seen(positions, positions_[static_cast<std::size_t>(current.owner)], window, seen);
    {
      const TraceSpan span("attend", SpanKind::attention, q.tokens());
      gemring::attend(q, kv, seen, state, step == 0 ? StateUse::start : StateUse::carry_on, scratch_);
    }
    receiving.wait();
    sending.wait();
    current = next;
  }
  finish(state, q);
}

}  // namespace gemring
