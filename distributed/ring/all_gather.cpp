#include "distributed/ring/all_gather.h"

#include <array>

#include "engine/base/place.h"
#include "engine/base/trace.h"
#include "engine/kernels/elementwise.h"

namespace gemring {

AllGather::AllGather(const RingParts& parts)
    : RingPass(parts),
      in_(static_cast<std::size_t>(parts.group.size())),
      own_message_(key_elements(parts.max_keys), parts.cache.shape().type, parts.types.keys),
      keys_(row_bytes(parts.cache.shape().type, key_elements(parts.all_keys))),
      values_(keys_.size()),
      m_(parts.max_queries * parts.heads),
      l_(parts.max_queries * parts.heads) {
  for (std::size_t position = 0; position < parts.all_keys; ++position) positions_.emplace_back(position);
  const std::size_t block = row_bytes(parts.types.keys, key_elements(parts.max_keys));
  for (int member = 0; member < parts.group.size(); ++member) {
    if (member != parts.group.member()) in_[static_cast<std::size_t>(member)] = Buffer<std::byte>(2 * block);
  }
}

// BEFORE  rank 0: K0             rank 1: K1             rank 2: K2
// AFTER   rank 0: K0, K1, K2     rank 1: K0, K1, K2     rank 2: K0, K1, K2     in order of position
void AllGather::attend(LayerIndex layer, HeadsView<float> q, std::int32_t window) {
  const KeysValues own = parts_.cache.all(layer);
  const DataType type = parts_.types.keys;
  const std::size_t own_bytes = row_bytes(type, key_elements(own.count));
  const auto [keys, values] = own_message_.pack(own);
  std::vector<Transfer> sends;
  std::vector<std::array<Transfer, 2>> receives(in_.size());
  for (int step = 1; step < schedule_.members; ++step) {
    const int from = schedule_.block_at(step);
    const int to = (schedule_.member + step) % schedule_.members;
    const std::size_t bytes = row_bytes(type, key_elements(parts_.chunk.keys(from).size()));
    std::byte* in = in_[static_cast<std::size_t>(from)].data();
    receives[static_cast<std::size_t>(from)] = {parts_.group.receive({in, bytes}, from, MessageKind::ring),
                                                parts_.group.receive({in + bytes, bytes}, from, MessageKind::ring)};
    sends.push_back(parts_.group.send({keys, own_bytes}, to, MessageKind::ring));
    sends.push_back(parts_.group.send({values, own_bytes}, to, MessageKind::ring));
  }
  // A member's own keys are taken from the cache, which may be finer than the message.
  place(schedule_.member, own.type, static_cast<const std::byte*>(own.keys), static_cast<const std::byte*>(own.values));
  for (int step = 1; step < schedule_.members; ++step) {
    const RingStepMark mark(step, schedule_.members);
    const int from = schedule_.block_at(step);
    for (Transfer& transfer : receives[static_cast<std::size_t>(from)]) transfer.wait();
    const std::byte* in = in_[static_cast<std::size_t>(from)].data();
    place(from, type, in, in + row_bytes(type, key_elements(parts_.chunk.keys(from).size())));
  }
  attend_all(layer, q, window);
  wait_all(sends);
}

void AllGather::place(int member, DataType type, const std::byte* keys, const std::byte* values) {
  const TraceSpan span("place keys", SpanKind::convert);
  const DataType cached = parts_.cache.shape().type;
  const auto positions = parts_.chunk.keys(member);
  for (std::size_t begin = 0; begin < positions.size();) {
    std::size_t end = begin + 1;  // of neighbours
    while (end < positions.size() && positions[end] - positions[begin] == static_cast<std::int32_t>(end - begin)) ++end;
    const std::size_t from = row_bytes(type, key_elements(begin));
    const std::size_t to = row_bytes(cached, key_elements(positions[begin].index()));
    convert(type, keys + from, cached, keys_.data() + to, key_elements(end - begin));
    convert(type, values + from, cached, values_.data() + to, key_elements(end - begin));
    begin = end;
  }
}

void AllGather::attend_all(LayerIndex layer, HeadsView<float> q, std::int32_t window) {
  if (q.tokens() == 0) return;
  const TraceSpan span("attend", SpanKind::attention, q.tokens());
  std::size_t count = 0;
  for (int member = 0; member < schedule_.members; ++member) count += parts_.chunk.keys(member).size();
  const KvShape& shape = parts_.cache.shape();
  const KeysValues all{shape.type, keys_.data(), values_.data(), count, shape.kv_heads, shape.head_dim};
  const std::span seen(seen_.data(), q.tokens());
  find_seen(parts_.chunk.queries(schedule_.member, layer), std::span(positions_).first(count), window, seen);
  const PartialSoftmax state{q, {m_.data(), q.tokens(), q.heads()}, {l_.data(), q.tokens(), q.heads()}};
  gemring::attend(q, all, seen, state, StateUse::start_and_finish, scratch_);
}

}  // namespace gemring
