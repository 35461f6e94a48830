// Decode over a cache that is striped over a group: the query travels, partial results come back.
#pragma once

#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/ring/ring_messages.h"
#include "engine/attention/attention.h"
#include "engine/attention/kv_cache.h"
#include "engine/kernels/attention/attention.h"

namespace gemring {

/// One query, on the group's first member; the new token's keys and values go to member (position mod g). Messages are
/// f32: they are small.
class StripedDecodeAttention : public Attention {
 public:
  StripedDecodeAttention(KvCache& cache, Communicator& group, std::size_t heads);

  /// Before each token: makes room for it in its owner's cache. Requires: every member calls it, in order of position.
  void begin_token(GlobalPosition position);

  void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) override;
  void attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
              const AttentionShape& shape) override;

 private:
  bool owns_token() const { return position_.value() % group_.size() == group_.member(); }
  void ask(LayerIndex layer, HeadsView<float> q, const AttentionShape& shape);  // the first member
  void answer(LayerIndex layer, const AttentionShape& shape);                   // every other one
  KeyRange seen(const AttentionShape& shape) const;                             // of own keys
  HeadsView<float> message_heads(std::size_t offset, std::size_t heads);

  KvCache& cache_;
  Communicator& group_;
  std::size_t heads_;
  GlobalPosition position_;
  AttentionScratch scratch_;
  Buffer<float> message_;              // k, v [kv_heads, head_dim], then q [heads, head_dim]
  OwnState state_;                     // on the first member
  std::vector<PartialMessage> parts_;  // [member]; of the others on the first member, elsewhere the own one
};

}  // namespace gemring
