#include "distributed/pipeline/stage_sequence.h"

#include <algorithm>

#include "engine/base/check.h"

namespace gemring {
namespace {
constexpr std::int32_t kNone = -1;
}

StageSequence::StageSequence(Communicator& group, const ClusterPlan& plan, std::size_t stage, const ModelConfig& config,
                             const StageOptions& stage_options, const SequenceOptions& options)
    : member_(group.member()), options_(options), chunks_(plan.stage_shards(stage, options.prompt_tokens)) {
  if (stage > 0) chunks_before_ = plan.stage_shards(stage - 1, options.prompt_tokens);
  const bool last = stage + 1 == plan.stages.size();
  if (!last) chunks_after_ = plan.stage_shards(stage + 1, options.prompt_tokens);
  for (const ZigzagShards& shards : chunks_) {
    first_rows_.push_back(positions_.size());
    const auto own = shards.positions(member_);
    positions_.insert(positions_.end(), own.begin(), own.end());
    largest_step_ = std::max(largest_step_, own.size());
  }
  const std::size_t prompt_rows = positions_.size();
  for (std::int32_t i = 0; i < options.max_new_tokens; ++i) positions_.emplace_back(options.prompt_tokens + i);
  const std::int32_t pass_tokens = options.prompt_tokens + options.max_new_tokens;
  ropes_ = RopeTables(config, pass_tokens, positions_);

  const auto new_tokens = static_cast<std::size_t>(options.max_new_tokens);
  const auto members = static_cast<std::size_t>(group.size());
  cache_.emplace(kv_shape(config, stage_options.kv_type), plan.stages[stage].first_layer, plan.stages[stage].layers(),
                 prompt_rows + (new_tokens + members - 1) / members);
  attention_.emplace(
      *cache_, group, chunks_,
      StageAttentionOptions{.heads = static_cast<std::size_t>(config.heads),
                            .ring = on_links(stage_options.ring, plan.group_links(plan.stages[stage].ranks)),
                            .last = {LayerIndex(last ? config.layer_count() - 1 : kNone), options.wanted_from},
                            .decodes = options.max_new_tokens > 0});
}

StepRows StageSequence::chunk_rows(std::size_t index) const {
  const std::size_t begin = first_rows_[index];
  const std::size_t end = begin + static_cast<std::size_t>(chunks_[index].size(member_));
  return {std::span(positions_).subspan(begin, end - begin), &ropes_, begin};
}

StepRows StageSequence::token_row(GlobalPosition position) const {
  const std::size_t at = positions_.size() - static_cast<std::size_t>(options_.max_new_tokens) +
                         static_cast<std::size_t>(position.value() - options_.prompt_tokens);
  GEMRING_CHECK(at < positions_.size() && positions_[at] == position, "position {} at row {}", position.value(), at);
  return {std::span(positions_).subspan(at, 1), &ropes_, at};
}

std::vector<LinkMessage> StageSequence::messages_from(std::size_t chunk) const {
  return link_messages(chunks_[chunk], member_, chunks_before_[chunk]);
}

std::vector<LinkMessage> StageSequence::messages_to(std::size_t chunk) const {
  return link_messages(chunks_[chunk], member_, chunks_after_[chunk]);
}

}  // namespace gemring
