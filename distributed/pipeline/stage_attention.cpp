#include "distributed/pipeline/stage_attention.h"

#include <algorithm>
#include <span>

#include "engine/model/decoder_layer.h"

namespace gemring {

StageAttention::StageAttention(KvCache& cache, Communicator& group, const std::vector<ZigzagShards>& chunks,
                               const StageAttentionOptions& options)
    : cache_(cache), group_(group), chunks_(chunks), options_(options) {
  std::int32_t largest = 1;
  for (const ZigzagShards& shards : chunks) largest = std::max(largest, shards.largest());
  if (group.size() == 1) {
    local_.emplace(cache, options.heads, queries_at_once(static_cast<std::size_t>(largest), 1));
    return;
  }
  shared_.emplace(cache, group, chunks, options.heads, options.last, options.ring);
  if (options.decodes) decode_.emplace(cache, group, options.heads);
}

Attention& StageAttention::begin_chunk(std::size_t index) {
  positions_ = chunks_[index].positions(group_.member());
  cache_.begin_step(positions_);
  if (local_) return *local_;
  shared_->begin_chunk(index);
  return *shared_;
}

void StageAttention::end_prompt() {
  shared_.reset();
  if (local_) local_.emplace(cache_, options_.heads, 1);
}

Attention& StageAttention::begin_token(GlobalPosition position) {
  if (local_) {
    cache_.begin_step(std::span(&position, 1));
    return *local_;
  }
  decode_->begin_token(position);
  return *decode_;
}

}  // namespace gemring
