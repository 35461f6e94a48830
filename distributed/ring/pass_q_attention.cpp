#include "distributed/ring/pass_q_attention.h"

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/trace.h"

namespace gemring {

PassQAttention::PassQAttention(KvCache& cache, Communicator& group, std::size_t heads, std::size_t max_queries)
    : cache_(cache),
      group_(group),
      positions_(static_cast<std::size_t>(group.size())),
      scratch_(heads, cache.shape().kv_heads, cache.shape().head_dim),
      seen_(max_queries) {
  const std::size_t head_dim = cache.shape().head_dim;
  for (int member = 0; member < group.size(); ++member) {
    const std::size_t others = member == group.member() ? 0 : max_queries;
    queries_in_.emplace_back(others * heads * head_dim);
    outgoing_.emplace_back(others, heads, head_dim);
    partials_.emplace_back(max_queries, heads, head_dim);
  }
}

void PassQAttention::begin_chunk(const ZigzagShards& shards, LayerIndex last_layer, GlobalPosition wanted_from) {
  last_layer_ = last_layer;
  wanted_from_ = wanted_from;
  for (int member = 0; member < group_.size(); ++member) {
    positions_[static_cast<std::size_t>(member)] = shards.positions(member);
  }
}

void PassQAttention::write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k,
                           HeadsView<const float> v) {
  cache_.write(layer, first_row, k, v);
}

std::span<const GlobalPosition> PassQAttention::queries_of(int member, LayerIndex layer) const {
  const auto& all = positions_[static_cast<std::size_t>(member)];
  if (layer != last_layer_) return all;
  const auto first = std::lower_bound(all.begin(), all.end(), wanted_from_);
  return std::span(all).subspan(static_cast<std::size_t>(first - all.begin()));
}

void PassQAttention::attend_own_keys(LayerIndex layer, HeadsView<const float> q,
                                     std::span<const GlobalPosition> positions, std::int32_t window,
                                     const PartialSoftmax& state) {
  const TraceSpan span("attend", SpanKind::attention, q.tokens());
  const std::span seen(seen_.data(), q.tokens());
  find_seen(positions, cache_.positions(), window, seen);
  gemring::attend(q, cache_.all(layer), seen, state, StateUse::start, scratch_);
}

// Q(j): the queries of member j.  A(i, j): attend Q(j) to the keys of member i.  Member i:
//     send Q(i) to all;  A(i, i);  for every other j: receive Q(j), A(i, j), send the state back to j;
//     receive A(j, i) of every other j;  merge A(0, i), A(1, i), ... in rank order.
// BEFORE  rank 0: Q0 | KV0     rank 1: Q1 | KV1     rank 2: Q2 | KV2
// AFTER   rank i: merged states of Qi over KV0, KV1, KV2; the keys and values have not moved
void PassQAttention::attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
                            std::int32_t window) {
  const int self = group_.member();
  const int members = group_.size();
  GEMRING_CHECK(positions.size() == queries_of(self, layer).size(), "{} queries, {} expected", positions.size(),
                queries_of(self, layer).size());
  std::vector<Transfer> queries_in(static_cast<std::size_t>(members));
  std::vector<Transfer> partials_in(static_cast<std::size_t>(members));
  std::vector<Transfer> sends;
  for (int step = 1; step < members; ++step) {
    const int other = (self + step) % members;
    const auto slot = static_cast<std::size_t>(other);
    const std::size_t theirs = queries_of(other, layer).size() * q.stride();
    if (theirs > 0) {
      queries_in[slot] = receive(group_, queries_in_[slot].span().first(theirs), other, MessageKind::queries);
    }
    if (q.tokens() > 0) {
      partials_in[slot] = receive(group_, partials_[slot].message(q.tokens()), other, MessageKind::partials);
      sends.push_back(send(group_, std::span<const float>(q.data(), q.size()), other, MessageKind::queries));
    }
  }
  attend_own_keys(layer, q, positions, window, partials_[static_cast<std::size_t>(self)].view(q.tokens()));
  for (int step = 1; step < members; ++step) {
    const int other = (self + members - step) % members;
    const auto slot = static_cast<std::size_t>(other);
    const auto theirs = queries_of(other, layer);
    if (theirs.empty()) continue;
    queries_in[slot].wait();
    attend_own_keys(layer, {queries_in_[slot].data(), theirs.size(), q.heads(), q.head_dim()}, theirs, window,
                    outgoing_[slot].view(theirs.size()));
    sends.push_back(send<float>(group_, outgoing_[slot].message(theirs.size()), other, MessageKind::partials));
  }
  wait_all(partials_in);
  wait_all(sends);
  if (q.tokens() == 0) return;
  for (int member = 1; member < members; ++member) {
    merge(partials_[0].view(q.tokens()), partials_[static_cast<std::size_t>(member)].view(q.tokens()));
  }
  finish(partials_[0].view(q.tokens()), q);
}

}  // namespace gemring
