// A way in which the queries and keys of a group's members meet. Each variant is one of these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/message_types.h"
#include "distributed/ring/group_chunk.h"
#include "distributed/ring/ring_schedule.h"
#include "engine/attention/kv_cache.h"
#include "engine/kernels/attention.h"

namespace gemring {

/// All is the caller's and outlives the pass. The largest counts are over all chunks that the pass will see.
struct RingParts {
  KvCache& cache;
  Communicator& group;
  const GroupChunk& chunk;
  std::size_t heads = 0;
  RingTypes types;
  std::size_t max_queries = 0;  // of a member
  std::size_t max_keys = 0;     // of a member
  std::size_t all_keys = 0;     // of all members together
};

class RingPass {
 public:
  explicit RingPass(const RingParts& parts);
  virtual ~RingPass() = default;
  RingPass(const RingPass&) = delete;
  RingPass& operator=(const RingPass&) = delete;

  /// As Attention::attend(). Every member calls it; q: [own queries of the chunk in this layer, heads, head_dim].
  virtual void attend(LayerIndex layer, HeadsView<float> q, std::int32_t window) = 0;

 protected:
  /// Queries of member `asker` against keys of member `holder`.
  struct Meeting {
    LayerIndex layer;
    int asker = 0;
    int holder = 0;
    std::int32_t window = 0;
  };
  /// A member's own queries: into the state that is finished when all keys have been met.
  void attend_keys(const Meeting& meeting, HeadsView<const float> q, const KeysValues& kv, const PartialSoftmax& state,
                   StateUse use);
  /// Another member's queries: what it is sent.
  void attend_keys(const Meeting& meeting, HeadsView<const float> q, const KeysValues& kv,
                   const PartialAttention& part);

  std::span<const KeyRange> seen(const Meeting& meeting, std::size_t queries);
  std::size_t query_elements(std::size_t tokens) const { return tokens * parts_.heads * parts_.cache.shape().head_dim; }
  std::size_t key_elements(std::size_t tokens) const {
    return tokens * parts_.cache.shape().kv_heads * parts_.cache.shape().head_dim;
  }

  RingParts parts_;
  RingSchedule schedule_;
  AttentionScratch scratch_;
  std::vector<KeyRange> seen_;  // [max_queries]
};

}  // namespace gemring
