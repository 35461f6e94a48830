// Attention where this rank holds every key of the sequence.
#pragma once

#include <vector>

#include "engine/attention/attention.h"
#include "engine/attention/kv_segments.h"
#include "engine/kernels/attention/attention.h"

namespace gemring {

class LocalAttention : public Attention {
 public:
  /// `heads` query heads; at most `max_queries` in one call. The keys are the caller's and outlive this.
  LocalAttention(KvSegments& keys, std::size_t heads, std::size_t max_queries);

  void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) override;
  void attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
              const AttentionShape& shape) override;

 private:
  void attend_segments(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
                       const AttentionShape& shape);

  KvSegments& keys_;
  AttentionScratch scratch_;
  std::vector<KeyRange> seen_;  // [max_queries]
  Buffer<float> maxima_;        // [max_queries, heads]
  Buffer<float> sums_;          // [max_queries, heads]
  Buffer<float> outputs_;       // [max_queries, heads, head_dim], where a layer can have several segments
};

}  // namespace gemring
