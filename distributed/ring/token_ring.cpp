#include "distributed/ring/token_ring.h"

#include <algorithm>
#include <optional>

#include "engine/base/place.h"

namespace gemring {

TokenRing::TokenRing(const RingParts& parts, const RingExtent& extent)
    : RingPass(RingVariant::token_ring, parts, extent),
      own_queries_(buffers_.own_queries, extent.types.queries),
      queries_(buffers_.unpacked_queries / sizeof(float)),
      state_(buffers_.state, extent.heads, extent.shape.head_dim) {
  if (extent.members == 1) return;
  for (std::size_t i = 0; i < 2; ++i) {
    queries_in_[i] = QueryMessage(buffers_.query_blocks.bytes, extent.types.queries);
    incoming_[i] = part_message();
    outgoing_[i] = part_message();
  }
}

// Q(s): the queries of member (i - s) mod g.  C(s): attend Q(s) to own keys.  X(s): send Q(s) on, receive Q(s + 1).
// H(s): send C(s)'s part home to member i - s, receive that of own queries from member i + s.
//     C(s) needs Q(s);  X(s) needs Q(s);  H(s) needs C(s);  so  C(s) || X(s) || H(s - 1),  then wait X(s), H(s - 1).
// BEFORE  rank 0: Q0   rank 1: Q1   rank 2: Q2
// AFTER   rank 0: Q2   rank 1: Q0   rank 2: Q1          (one step; from the second on parts go home meanwhile)
// Parts are merged in the order of steps: that of member i, of i + 1, i + 2, ...
void TokenRing::attend(LayerIndex layer, HeadsView<float> q, const AttentionShape& shape) {
  const int self = schedule_.member;
  const int members = schedule_.members;
  const KeysValues kv = parts_.cache.all(layer);
  struct Home {
    Transfer out;
    Transfer in;
  };
  std::array<Home, 2> home;
  const auto take = [&](int step) {  // what member i + step gave of own queries
    const auto slot = static_cast<std::size_t>(step % 2);
    home[slot].in.wait();
    home[slot].out.wait();
    if (step == 0 || q.tokens() == 0) return;
    incoming_[slot].unpack(q.tokens());
    merge(state_.view(q.tokens()), incoming_[slot].view(q.tokens()));
  };
  std::span<const std::byte> message;
  if (members > 1 && q.tokens() > 0) message = own_queries_.pack({q.data(), q.size()});
  const float* current = q.data();
  for (int step = 0; step < members; ++step) {
    const RingStepMark mark(step, members);
    const auto slot = static_cast<std::size_t>(step % 2);
    const int asker = schedule_.block_at(step);
    const std::size_t tokens = parts_.chunk.queries(asker, layer).size();
    Transfer sending;
    Transfer receiving;
    std::size_t next_elements = 0;
    if (step + 1 < members) {
      next_elements = query_elements(parts_.chunk.queries(schedule_.block_at(step + 1), layer).size());
      if (next_elements > 0)
        receiving = parts_.group.receive(queries_in_[1 - slot].incoming(next_elements), schedule_.previous(),
                                         MessageKind::queries);
      if (tokens > 0) sending = parts_.group.send(message, schedule_.next(), MessageKind::queries);
    }
    const Meeting meeting{layer, asker, self, shape};
    const HeadsView<const float> asked{current, tokens, q.heads(), q.head_dim()};
    if (step == 0) {
      attend_keys(meeting, asked, kv, state_.view(tokens), StateUse::start);
    } else {
      attend_keys(meeting, asked, kv, outgoing_[slot].view(tokens));
      if (tokens > 0) home[slot].out = parts_.group.send(outgoing_[slot].packed(tokens), asker, MessageKind::partials);
      if (q.tokens() > 0)
        home[slot].in =
            parts_.group.receive(incoming_[slot].incoming(q.tokens()), (self + step) % members, MessageKind::partials);
    }
    receiving.wait();
    sending.wait();
    if (step > 0) take(step - 1);
    message = queries_in_[1 - slot].outgoing(next_elements);
    current = next_elements > 0 ? queries_in_[1 - slot].unpack(next_elements, queries_) : nullptr;
  }
  take(members - 1);
  if (q.tokens() > 0) finish(state_.view(q.tokens()), q);
}

}  // namespace gemring
