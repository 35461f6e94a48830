#include "distributed/ring/pass_q.h"

#include "engine/base/place.h"

namespace gemring {

PassQ::PassQ(const RingParts& parts, const RingExtent& extent)
    : RingPass(RingVariant::pass_q, parts, extent),
      queries_out_(buffers_.own_queries, extent.types.queries),
      queries_in_(extent.members),
      queries_(buffers_.unpacked_queries / sizeof(float)),
      state_(buffers_.state, extent.heads, extent.shape.head_dim),
      incoming_(extent.members),
      outgoing_(extent.members) {
  for (std::size_t member = 0; member < extent.members; ++member) {
    if (static_cast<int>(member) == parts.group.member()) continue;
    queries_in_[member] = QueryMessage(buffers_.query_blocks.bytes, extent.types.queries);
    incoming_[member] = part_message();
    outgoing_[member] = part_message();
  }
}

// Q(j): the queries of member j.  A(i, j): attend Q(j) to the keys of member i.  Member i:
//     send Q(i) to all;  A(i, i);  for every other j: receive Q(j), A(i, j), send the part back to j;
//     receive A(j, i) of every other j;  merge A(0, i), A(1, i), ... in rank order into A(i, i).
// BEFORE  rank 0: Q0 | KV0     rank 1: Q1 | KV1     rank 2: Q2 | KV2
// AFTER   rank i: merged parts of Qi over KV0, KV1, KV2; the keys and values have not moved
void PassQ::attend(LayerIndex layer, HeadsView<float> q, const AttentionShape& shape) {
  const int self = schedule_.member;
  const int members = schedule_.members;
  std::vector<Transfer> queries_in(static_cast<std::size_t>(members));
  std::vector<Transfer> partials_in(static_cast<std::size_t>(members));
  std::vector<Transfer> sends;
  std::span<const std::byte> own;
  if (members > 1 && q.tokens() > 0) own = queries_out_.pack({q.data(), q.size()});
  for (int step = 1; step < members; ++step) {
    const int other = (self + step) % members;
    const auto slot = static_cast<std::size_t>(other);
    const std::size_t theirs = query_elements(parts_.chunk.queries(other, layer).size());
    if (theirs > 0)
      queries_in[slot] = parts_.group.receive(queries_in_[slot].incoming(theirs), other, MessageKind::queries);
    if (q.tokens() == 0) continue;
    partials_in[slot] = parts_.group.receive(incoming_[slot].incoming(q.tokens()), other, MessageKind::partials);
    sends.push_back(parts_.group.send(own, other, MessageKind::queries));
  }
  const KeysValues kv = parts_.cache.all(layer);
  const PartialSoftmax state = state_.view(q.tokens());
  attend_keys({layer, self, self, shape}, q, kv, state, StateUse::start);
  for (int step = 1; step < members; ++step) {
    const RingStepMark mark(step, members);
    const int other = (self + members - step) % members;
    const auto slot = static_cast<std::size_t>(other);
    const std::size_t theirs = parts_.chunk.queries(other, layer).size();
    if (theirs == 0) continue;
    queries_in[slot].wait();
    const float* their_q = queries_in_[slot].unpack(query_elements(theirs), queries_);
    attend_keys({layer, other, self, shape}, {their_q, theirs, q.heads(), q.head_dim()}, kv,
                outgoing_[slot].view(theirs));
    sends.push_back(parts_.group.send(outgoing_[slot].packed(theirs), other, MessageKind::partials));
  }
  wait_all(partials_in);
  wait_all(sends);
  if (q.tokens() == 0) return;
  for (int member = 0; member < members; ++member) {
    if (member == self) continue;
    PartialMessage& part = incoming_[static_cast<std::size_t>(member)];
    part.unpack(q.tokens());
    merge(state, part.view(q.tokens()));
  }
  finish(state, q);
}

}  // namespace gemring
