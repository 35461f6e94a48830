#include "distributed/ring/ring_pass.h"

#include "engine/base/trace.h"

namespace gemring {

RingPass::RingPass(RingVariant variant, const RingParts& parts, const RingExtent& extent)
    : parts_(parts),
      extent_(extent),
      buffers_(ring_buffers(variant, extent)),
      schedule_{parts.group.size(), parts.group.member()},
      scratch_(extent.heads, extent.shape.kv_heads, extent.shape.head_dim),
      seen_(buffers_.seen / sizeof(KeyRange)) {}

std::span<const KeyRange> RingPass::seen(const Meeting& meeting, std::size_t queries) {
  const std::span seen(seen_.data(), queries);
  find_seen(parts_.chunk.queries(meeting.asker, meeting.layer), parts_.chunk.keys(meeting.holder), meeting.shape.window,
            seen);
  return seen;
}

void RingPass::attend_keys(const Meeting& meeting, HeadsView<const float> q, const KeysValues& kv,
                           const PartialSoftmax& state, StateUse use) {
  const TraceSpan span("attend", SpanKind::attention, q.tokens());
  gemring::attend(q, kv, seen(meeting, q.tokens()), state, use, scratch_);
}

void RingPass::attend_keys(const Meeting& meeting, HeadsView<const float> q, const KeysValues& kv,
                           const PartialAttention& part) {
  const TraceSpan span("attend", SpanKind::attention, q.tokens());
  attend_part(q, kv, seen(meeting, q.tokens()), part, scratch_);
}

}  // namespace gemring
