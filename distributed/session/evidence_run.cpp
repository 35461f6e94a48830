#include "distributed/session/evidence_run.h"

#include <utility>

namespace gemring {

ClusterPlan evidence_plan(int ranks, std::int32_t layers) {
  ClusterPlan plan;
  plan.ranks = ranks;
  plan.layers = layers;
  for (int rank = 0; rank < ranks; ++rank) plan.filter_group.emplace_back(rank);
  plan.filter_shares.assign(static_cast<std::size_t>(ranks), 1);
  return plan;
}

FilterProfile every_head(const ModelConfig& config, std::int32_t layers, std::int32_t queries) {
  FilterProfile profile;
  profile.queries = queries;
  for (std::int32_t layer = 0; layer < layers; ++layer) {
    for (std::int32_t head = 0; head < config.heads; ++head) profile.heads.push_back({LayerIndex(layer), head});
  }
  return profile;
}

EvidenceRun::EvidenceRun(Communicator& world, const ModelConfig& config, const TensorSource& weights,
                         const ClusterPlan& plan, const ComputeOptions& options, FilterProfile heads)
    : world_(world),
      config_(config),
      plan_(plan),
      options_(options),
      heads_(std::move(heads)),
      parts_(load_parts({config, weights}, plan, RankId(world.member()), heads_)) {
  options_.ring = on_links(options_.ring, plan.group_links(plan.filter_group));
}

std::vector<float> EvidenceRun::run(std::span<const TokenId> prompt, std::int32_t n, std::int32_t span,
                                    const Look& look, const FilterPass::Progress& progress) {
  heads_.window = look.window;
  heads_.sinks = look.sinks;
  const FilterParts parts{.embedding = parts_.filter_embedding.get(),
                          .layers = parts_.filter_layers,
                          .scoring = parts_.scoring,
                          .profile = &heads_};
  const auto pass = make_filter_pass(world_, config_, parts, options_, plan_, n, span, prompt);
  const std::int32_t steps = filter_steps(heads_, plan_, options_, n);
  for (std::int32_t step = 0; step + 1 < steps; ++step) {
    pass->run_step([&](double share) {
      if (progress) progress((step + share) / steps);
    });
  }
  return pass->score();
}

}  // namespace gemring
