#include "distributed/session/filter_pass.h"

#include "distributed/session/exact_filter_pass.h"
#include "distributed/session/windowed_filter_pass.h"

namespace gemring {

std::int32_t filter_steps(const FilterProfile& profile, const ClusterPlan& plan, const ComputeOptions& options,
                          std::int32_t n, std::int32_t from_chunk) {
  if (plan.filter_group.empty()) return 0;
  if (profile.window == 0) return profile.filter_layer().value() + 1;
  const ChunkDeal deal = plan.filter_deal(n, options.filter_chunk);
  return deal.rounds() - from_chunk / deal.members() + 1;
}

std::unique_ptr<FilterPass> make_filter_pass(Communicator& group, const ModelConfig& config, const FilterParts& parts,
                                             const ComputeOptions& options, const ClusterPlan& plan, std::int32_t n,
                                             std::int32_t span, std::span<const TokenId> prompt,
                                             const ReadingOrder& reading, const KeptReading* before) {
  const AskingTokens asking = asking_tokens(*parts.profile, n, span);
  if (parts.profile->window == 0) {
    return std::make_unique<ExactFilterPass>(group, config, parts, options, plan.filter_shards(n), asking, prompt);
  }
  return std::make_unique<WindowedFilterPass>(group, config, parts, options, plan.filter_deal(n, options.filter_chunk),
                                              asking, prompt, reading, before);
}

}  // namespace gemring
