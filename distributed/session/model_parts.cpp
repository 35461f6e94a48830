#include "distributed/session/model_parts.h"

#include <map>
#include <memory>

namespace gemring {
namespace {

/// Layers by index: a rank that filters and has a stage holds a layer that both need once.
class LayerShelf {
 public:
  LayerShelf(const TensorSource& weights, const ModelConfig& config) : weights_(weights), config_(config) {}

  std::shared_ptr<const LayerWeights> whole(LayerIndex layer) { return take(layer, LayerPart::whole); }

  std::shared_ptr<const LayerWeights> scoring(LayerIndex layer) {
    return layers_.contains(layer) ? layers_[layer] : take(layer, LayerPart::scoring);
  }

 private:
  std::shared_ptr<const LayerWeights> take(LayerIndex layer, LayerPart part) {
    auto& slot = layers_[layer];
    if (slot == nullptr) slot = std::make_shared<const LayerWeights>(load_layer(weights_, config_, layer, part));
    return slot;
  }

  const TensorSource& weights_;
  const ModelConfig& config_;
  std::map<LayerIndex, std::shared_ptr<const LayerWeights>> layers_;
};

}  // namespace

ModelParts load_parts(const TensorSource& weights, const ModelConfig& config, const ClusterPlan& plan, RankId rank,
                      const FilterProfile& filter) {
  ModelParts parts;
  LayerShelf shelf(weights, config);
  const auto stage = plan.stage_of(rank);
  const bool first_stage = stage == std::size_t{0};
  if (plan.filters(rank) || first_stage) parts.embedding.emplace(config, weights);
  if (stage) {
    std::vector<DecoderLayer> layers;
    for (LayerIndex layer = plan.stages[*stage].first_layer; layer < plan.stages[*stage].end_layer; ++layer) {
      layers.emplace_back(config, layer, shelf.whole(layer));
    }
    parts.stage_layers.emplace(std::move(layers));
    if (*stage + 1 == plan.stages.size()) {
      parts.head.emplace(config, weights, parts.embedding ? &*parts.embedding : nullptr);
    }
  }
  if (plan.filters(rank)) {
    for (LayerIndex layer(0); layer < filter.filter_layer(); ++layer) {
      parts.filter_layers.emplace_back(config, layer, shelf.whole(layer));
    }
    for (const ScoringHead& head : filter.heads) {
      if (!parts.scoring.empty() && parts.scoring.back().layer() == head.layer) continue;
      parts.scoring.emplace_back(config, head.layer, shelf.scoring(head.layer));
    }
  }
  return parts;
}

}  // namespace gemring
