#include "distributed/ring/pass_kv.h"

#include "engine/base/place.h"
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

}  // namespace

PassKv::PassKv(const RingParts& parts, const RingExtent& extent)
    : RingPass(RingVariant::pass_kv, parts, extent),
      state_(buffers_.state, extent.heads, extent.shape.head_dim),
      own_message_(buffers_.own_keys, extent.types.keys),
      unpacked_(buffers_.cached_keys) {
  for (std::size_t i = 0; i < buffers_.key_blocks.count; ++i) in_.emplace_back(buffers_.key_blocks.bytes);
}

PassKv::Block PassKv::own_block(LayerIndex layer) {
  const KeysValues own = parts_.cache.all(layer);
  const auto [keys, values] = own_message_.pack(own);
  return {keys, values, own.count, schedule_.member};
}

PassKv::Block PassKv::incoming_block(int owner, std::size_t buffer) {
  const std::size_t count = parts_.chunk.keys(owner).size();
  return {in_[buffer].data(), in_[buffer].data() + block_bytes(count), count, owner};
}

KeysValues PassKv::readable(const Block& block) {
  const KvShape& shape = extent_.shape;
  if (!is_block_type(extent_.types.keys))
    return {extent_.types.keys, block.keys, block.values, block.count, shape.kv_heads, shape.head_dim};
  const TraceSpan span("unpack message", SpanKind::convert, block.count);
  const std::size_t elements = key_elements(block.count);
  std::byte* values = unpacked_.data() + row_bytes(shape.type, elements);
  convert(extent_.types.keys, block.keys, shape.type, unpacked_.data(), elements);
  convert(extent_.types.keys, block.values, shape.type, values, elements);
  return {shape.type, unpacked_.data(), values, block.count, shape.kv_heads, shape.head_dim};
}

// K(s): the block of member (i - s) mod g.  C(s): attend to K(s).  X(s): send K(s) on, receive K(s + 1).
//     C(s) needs K(s);  X(s) needs K(s), writes K(s + 1);  so  C(s) || X(s),  then wait X(s).
// BEFORE  rank 0: K0   rank 1: K1   rank 2: K2
// AFTER   rank 0: K2   rank 1: K0   rank 2: K1          (one step)
void PassKv::attend(LayerIndex layer, HeadsView<float> q, const AttentionShape& shape) {
  const PartialSoftmax state = state_.view(q.tokens());
  Block current = own_block(layer);
  for (int step = 0; step < schedule_.members; ++step) {
    const RingStepMark mark(step, schedule_.members);
    BlockTransfer sending;
    BlockTransfer receiving;
    Block next;
    if (step + 1 < schedule_.members) {
      next = incoming_block(schedule_.block_at(step + 1), static_cast<std::size_t>(step % 2));
      const std::size_t size_in = block_bytes(next.count);
      const std::size_t size_out = block_bytes(current.count);
      std::byte* in = in_[static_cast<std::size_t>(step % 2)].data();
      receiving.keys = parts_.group.receive({in, size_in}, schedule_.previous(), MessageKind::ring);
      receiving.values = parts_.group.receive({in + size_in, size_in}, schedule_.previous(), MessageKind::ring);
      sending.keys = parts_.group.send({current.keys, size_out}, schedule_.next(), MessageKind::ring);
      sending.values = parts_.group.send({current.values, size_out}, schedule_.next(), MessageKind::ring);
    }
    const Meeting meeting{layer, schedule_.member, current.owner, shape};
    // A member's own block is taken from the cache, which may be finer than the message.
    if (step == 0)
      attend_keys(meeting, q, parts_.cache.all(layer), state, StateUse::start);
    else
      attend_keys(meeting, q, readable(current), state, StateUse::carry_on);
    receiving.wait();
    sending.wait();
    current = next;
  }
  finish(state, q);
}

}  // namespace gemring
