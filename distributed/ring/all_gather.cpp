#include "distributed/ring/all_gather.h"

#include <array>

#include "engine/base/place.h"
#include "engine/base/trace.h"
#include "engine/kernels/elementwise.h"

namespace gemring {

AllGather::AllGather(const RingParts& parts, const RingExtent& extent)
    : RingPass(RingVariant::all_gather, parts, extent),
      in_(extent.members),
      own_message_(buffers_.own_keys, extent.types.keys),
      keys_(buffers_.cached_keys / 2),
      values_(buffers_.cached_keys / 2),
      ml_(buffers_.state / sizeof(float)) {
  positions_.reserve(extent.all_keys);
  for (std::size_t position = 0; position < extent.all_keys; ++position) positions_.emplace_back(position);
  for (std::size_t member = 0; member < extent.members; ++member) {
    if (static_cast<int>(member) != parts.group.member()) in_[member] = Buffer<std::byte>(buffers_.key_blocks.bytes);
  }
}

// BEFORE  rank 0: K0             rank 1: K1             rank 2: K2
// AFTER   rank 0: K0, K1, K2     rank 1: K0, K1, K2     rank 2: K0, K1, K2     in order of position
void AllGather::attend(LayerIndex layer, HeadsView<float> q, const AttentionShape& shape) {
  const KeysValues own = parts_.cache.all(layer);
  const DataType type = extent_.types.keys;
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
  attend_all(layer, q, shape);
  wait_all(sends);
}

void AllGather::place(int member, DataType type, const std::byte* keys, const std::byte* values) {
  const TraceSpan span("place keys", SpanKind::convert);
  const DataType cached = extent_.shape.type;
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

void AllGather::attend_all(LayerIndex layer, HeadsView<float> q, const AttentionShape& shape) {
  if (q.tokens() == 0) return;
  const TraceSpan span("attend", SpanKind::attention, q.tokens());
  std::size_t count = 0;
  for (int member = 0; member < schedule_.members; ++member) count += parts_.chunk.keys(member).size();
  const KvShape& kv = extent_.shape;
  const KeysValues all{kv.type, keys_.data(), values_.data(), count, kv.kv_heads, kv.head_dim};
  const std::span seen(seen_.data(), q.tokens());
  find_seen(parts_.chunk.queries(schedule_.member, layer), std::span(positions_).first(count), shape.window, seen);
  float* l = ml_.data() + q.tokens() * q.heads();
  const PartialSoftmax state{q, {ml_.data(), q.tokens(), q.heads()}, {l, q.tokens(), q.heads()}};
  gemring::attend(q, all, seen, state, StateUse::start_and_finish, scratch_);
}

}  // namespace gemring
