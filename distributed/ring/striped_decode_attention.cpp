#include "distributed/ring/striped_decode_attention.h"

#include <algorithm>

#include "distributed/plan/ring_buffers.h"
#include "engine/base/check.h"
#include "engine/base/trace.h"

namespace gemring {

StripedDecodeAttention::StripedDecodeAttention(KvCache& cache, Communicator& group, std::size_t heads)
    : cache_(cache),
      group_(group),
      heads_(heads),
      scratch_(heads, cache.shape().kv_heads, cache.shape().head_dim),
      parts_(static_cast<std::size_t>(group.size())) {
  const StripeBuffers buffers = stripe_buffers(cache.shape(), heads, parts_.size());
  const std::size_t head_dim = cache.shape().head_dim;
  message_ = Buffer<float>(buffers.token / sizeof(float));
  if (group.member() == 0) state_ = OwnState(buffers.state, heads, head_dim);
  for (int member = 1; member < group.size(); ++member) {
    if (group.member() == 0 || group.member() == member)
      parts_[static_cast<std::size_t>(member)] = PartialMessage(buffers.parts.bytes, 0, heads, head_dim, DataType::f32);
  }
}

void StripedDecodeAttention::begin_token(GlobalPosition position) {
  position_ = position;
  if (owns_token()) cache_.begin_step(std::span(&position_, 1));
}

HeadsView<float> StripedDecodeAttention::message_heads(std::size_t offset, std::size_t heads) {
  const std::size_t head_dim = cache_.shape().head_dim;
  return {message_.data() + offset * head_dim, 1, heads, head_dim};
}

void StripedDecodeAttention::write(LayerIndex, std::size_t first_row, HeadsView<const float> k,
                                   HeadsView<const float> v) {
  GEMRING_CHECK(group_.member() == 0 && first_row == 0 && k.tokens() == 1, "member {}, {} tokens", group_.member(),
                k.tokens());
  std::copy_n(k.data(), k.size(), message_heads(0, k.heads()).data());
  std::copy_n(v.data(), v.size(), message_heads(k.heads(), v.heads()).data());
}

void StripedDecodeAttention::attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
                                    const AttentionShape& shape) {
  if (group_.member() == 0) {
    GEMRING_CHECK(q.tokens() == 1 && positions.size() == 1, "{} queries", q.tokens());
    ask(layer, q, shape);
  } else {
    GEMRING_CHECK(q.tokens() == 0, "{} queries on member {}", q.tokens(), group_.member());
    answer(layer, shape);
  }
}

void StripedDecodeAttention::ask(LayerIndex layer, HeadsView<float> q, const AttentionShape& shape) {
  const std::size_t kv_heads = cache_.shape().kv_heads;
  std::copy_n(q.data(), q.size(), message_heads(2 * kv_heads, heads_).data());
  std::vector<Transfer> transfers;
  for (int member = 1; member < group_.size(); ++member) {
    transfers.push_back(send<float>(group_, message_.span(), member, MessageKind::queries));
    transfers.push_back(
        group_.receive(parts_[static_cast<std::size_t>(member)].incoming(1), member, MessageKind::partials));
  }
  if (owns_token()) cache_.write(layer, 0, message_heads(0, kv_heads), message_heads(kv_heads, kv_heads));
  const PartialSoftmax state = state_.view(1);
  {
    const TraceSpan span("attend", SpanKind::attention, 1);
    const KeyRange seen = this->seen(shape);
    gemring::attend(q, cache_.all(layer), std::span(&seen, 1), state, StateUse::start, scratch_);
  }
  wait_all(transfers);
  for (std::size_t member = 1; member < parts_.size(); ++member) merge(state, parts_[member].view(1));
  finish(state, q);
}

void StripedDecodeAttention::answer(LayerIndex layer, const AttentionShape& shape) {
  const std::size_t kv_heads = cache_.shape().kv_heads;
  receive(group_, message_.span(), 0, MessageKind::queries).wait();
  if (owns_token()) cache_.write(layer, 0, message_heads(0, kv_heads), message_heads(kv_heads, kv_heads));
  PartialMessage& own = parts_[static_cast<std::size_t>(group_.member())];
  {
    const TraceSpan span("attend", SpanKind::attention, 1);
    const KeyRange seen = this->seen(shape);
    attend_part(message_heads(2 * kv_heads, heads_), cache_.all(layer), std::span(&seen, 1), own.view(1), scratch_);
  }
  group_.send(own.packed(1), 0, MessageKind::partials).wait();
}

KeyRange StripedDecodeAttention::seen(const AttentionShape& shape) const {
  KeyRange seen;
  find_seen(std::span(&position_, 1), cache_.positions(), shape.window, std::span(&seen, 1));
  return seen;
}

}  // namespace gemring
