#include "distributed/ring/ring_pass.h"

#include "engine/base/trace.h"

namespace gemring {

RingPass::RingPass(const RingParts& parts)
    : parts_(parts),
      schedule_{parts.group.size(), parts.group.member()},
      scratch_(parts.heads, parts.cache.shape().kv_heads, parts.cache.shape().head_dim),
      seen_(parts.max_queries) {}

void RingPass::attend_keys(const Meeting& meeting, HeadsView<const float> q, const KeysValues& kv,
                           const PartialSoftmax& state, StateUse use) {
  const TraceSpan span("attend", SpanKind::attention, q.tokens());
  const std::span seen(seen_.data(), q.tokens());
  find_seen(parts_.chunk.queries(meeting.asker, meeting.layer), parts_.chunk.keys(meeting.holder), meeting.window,
            seen);
  gemring::attend(q, kv, seen, state, use, scratch_);
}

}  // namespace gemring
