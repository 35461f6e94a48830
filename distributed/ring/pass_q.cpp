#include "distributed/ring/pass_q.h"

#include "engine/base/place.h"

namespace gemring {

PassQ::PassQ(const RingParts& parts)
    : RingPass(parts), queries_in_(static_cast<std::size_t>(parts.group.size())), outgoing_(queries_in_.size()) {
  const std::size_t elements = query_elements(parts.max_queries);
  if (parts.types.queries != DataType::f32) {
    queries_out_ = QueryMessage(elements, parts.types.queries);
    queries_ = Buffer<float>(elements);
  }
  const std::size_t head_dim = parts.cache.shape().head_dim;
  for (int member = 0; member < parts.group.size(); ++member) {
    partials_.emplace_back(parts.max_queries, parts.heads, head_dim, parts.types.outputs);
    if (member == parts.group.member()) continue;
    queries_in_[static_cast<std::size_t>(member)] = QueryMessage(elements, parts.types.queries);
    outgoing_[static_cast<std::size_t>(member)] =
        PartialMessage(parts.max_queries, parts.heads, head_dim, parts.types.outputs);
  }
}

// Q(j): the queries of member j.  A(i, j): attend Q(j) to the keys of member i.  Member i:
//     send Q(i) to all;  A(i, i);  for every other j: receive Q(j), A(i, j), send the state back to j;
//     receive A(j, i) of every other j;  merge A(0, i), A(1, i), ... in rank order.
// BEFORE  rank 0: Q0 | KV0     rank 1: Q1 | KV1     rank 2: Q2 | KV2
// AFTER   rank i: merged states of Qi over KV0, KV1, KV2; the keys and values have not moved
void PassQ::attend(LayerIndex layer, HeadsView<float> q, std::int32_t window) {
  const int self = schedule_.member;
  const int members = schedule_.members;
  std::vector<Transfer> queries_in(static_cast<std::size_t>(members));
  std::vector<Transfer> partials_in(static_cast<std::size_t>(members));
  std::vector<Transfer> sends;
  std::span<const std::byte> own;
  if (q.tokens() > 0) own = queries_out_.pack({q.data(), q.size()});
  for (int step = 1; step < members; ++step) {
    const int other = (self + step) % members;
    const auto slot = static_cast<std::size_t>(other);
    const std::size_t theirs = query_elements(parts_.chunk.queries(other, layer).size());
    if (theirs > 0)
      queries_in[slot] = parts_.group.receive(queries_in_[slot].incoming(theirs), other, MessageKind::queries);
    if (q.tokens() == 0) continue;
    partials_in[slot] = parts_.group.receive(partials_[slot].incoming(q.tokens()), other, MessageKind::partials);
    sends.push_back(parts_.group.send(own, other, MessageKind::queries));
  }
  const KeysValues kv = parts_.cache.all(layer);
  attend_keys({layer, self, self, window}, q, kv, partials_[static_cast<std::size_t>(self)].view(q.tokens()),
              StateUse::start);
  for (int step = 1; step < members; ++step) {
    const RingStepMark mark(step, members);
    const int other = (self + members - step) % members;
    const auto slot = static_cast<std::size_t>(other);
    const std::size_t theirs = parts_.chunk.queries(other, layer).size();
    if (theirs == 0) continue;
    queries_in[slot].wait();
    const float* their_q = queries_in_[slot].unpack(query_elements(theirs), queries_);
    attend_keys({layer, other, self, window}, {their_q, theirs, q.heads(), q.head_dim()}, kv,
                outgoing_[slot].view(theirs), StateUse::start);
    sends.push_back(parts_.group.send(outgoing_[slot].packed(theirs), other, MessageKind::partials));
  }
  wait_all(partials_in);
  wait_all(sends);
  if (q.tokens() == 0) return;
  for (int member = 0; member < members; ++member) {
    PartialMessage& partial = partials_[static_cast<std::size_t>(member)];
    if (member != self) partial.unpack(q.tokens());
    if (member > 0) merge(partials_[0].view(q.tokens()), partial.view(q.tokens()));
  }
  finish(partials_[0].view(q.tokens()), q);
}

}  // namespace gemring
