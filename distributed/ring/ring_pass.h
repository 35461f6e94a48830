// A way in which the queries and keys of a group's members meet. Each variant is one of these.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/ring_buffers.h"
#include "distributed/ring/group_chunk.h"
#include "distributed/ring/ring_messages.h"
#include "distributed/ring/ring_schedule.h"
#include "engine/attention/attention.h"
#include "engine/attention/kv_cache.h"
#include "engine/kernels/attention/attention.h"

namespace gemring {

/// Requires: outlive the pass.
struct RingParts {
  KvCache& cache;
  Communicator& group;
  const GroupChunk& chunk;
};

class RingPass {
 public:
  RingPass(RingVariant variant, const RingParts& parts, const RingExtent& extent);
  virtual ~RingPass() = default;
  RingPass(const RingPass&) = delete;
  RingPass& operator=(const RingPass&) = delete;

  /// As Attention::attend(). q: [own queries of the chunk in this layer, heads, head_dim]. Requires: every member of
  /// the group calls it, with the same layer and shape.
  virtual void attend(LayerIndex layer, HeadsView<float> q, const AttentionShape& shape) = 0;

 protected:
  /// Queries of member `asker` against keys of member `holder`.
  struct Meeting {
    LayerIndex layer;
    int asker = 0;
    int holder = 0;
    AttentionShape shape = {};
  };
  /// A member's own queries: into the state that is finished when all keys have been met.
  void attend_keys(const Meeting& meeting, HeadsView<const float> q, const KeysValues& kv, const PartialSoftmax& state,
                   StateUse use);
  /// Another member's queries: what it is sent.
  void attend_keys(const Meeting& meeting, HeadsView<const float> q, const KeysValues& kv,
                   const PartialAttention& part);

  std::span<const KeyRange> seen(const Meeting& meeting, std::size_t queries);
  PartialMessage part_message() const {
    return {buffers_.parts.bytes, buffers_.part_messages.bytes, extent_.heads, extent_.shape.head_dim,
            extent_.types.outputs};
  }
  std::size_t query_elements(std::size_t tokens) const { return tokens * extent_.heads * extent_.shape.head_dim; }
  std::size_t key_elements(std::size_t tokens) const {
    return tokens * extent_.shape.kv_heads * extent_.shape.head_dim;
  }

  RingParts parts_;
  RingExtent extent_;
  RingBuffers buffers_;  // what this pass allocates
  RingSchedule schedule_;
  AttentionScratch scratch_;
  std::vector<KeyRange> seen_;  // [max_queries]
};

}  // namespace gemring
