#include "distributed/session/model_parts.h"

#include <map>
#include <memory>
#include <utility>

namespace gemring {
namespace {

/// What a rank takes of one checkpoint: what two of its roles need it holds once.
class Shelf {
 public:
  explicit Shelf(const Checkpoint& from) : from_(from) {}

  std::shared_ptr<const LayerWeights> whole(LayerIndex layer) { return take(layer, LayerPart::whole); }

  std::shared_ptr<const LayerWeights> scoring(LayerIndex layer) {
    return layers_.contains(layer) ? layers_[layer] : take(layer, LayerPart::scoring);
  }

  std::shared_ptr<const Embedding> embedding() {
    if (embedding_ == nullptr) embedding_ = std::make_shared<const Embedding>(from_.config, from_.weights);
    return embedding_;
  }

 private:
  std::shared_ptr<const LayerWeights> take(LayerIndex layer, LayerPart part) {
    auto& slot = layers_[layer];
    if (slot == nullptr) {
      slot = std::make_shared<const LayerWeights>(load_layer(from_.weights, from_.config, layer, part));
    }
    return slot;
  }

  const Checkpoint& from_;
  std::shared_ptr<const Embedding> embedding_;
  std::map<LayerIndex, std::shared_ptr<const LayerWeights>> layers_;
};

void load_stage(const Checkpoint& from, Shelf& shelf, const ClusterPlan& plan, std::size_t stage, ModelParts& parts) {
  if (stage == 0) parts.embedding = shelf.embedding();
  std::vector<DecoderLayer> layers;
  for (LayerIndex layer = plan.stages[stage].first_layer; layer < plan.stages[stage].end_layer; ++layer) {
    layers.emplace_back(from.config, layer, shelf.whole(layer));
  }
  parts.stage_layers.emplace(std::move(layers));
  if (stage + 1 < plan.stages.size()) return;
  const std::shared_ptr<const Embedding> tied = from.config.tied_embeddings ? shelf.embedding() : nullptr;
  parts.head.emplace(from.config, from.weights, tied.get());
}

void load_filter(const Checkpoint& from, Shelf& shelf, const FilterProfile& filter, ModelParts& parts) {
  parts.filter_embedding = shelf.embedding();
  for (LayerIndex layer(0); layer < filter.filter_layer(); ++layer) {
    parts.filter_layers.emplace_back(from.config, layer, shelf.whole(layer));
  }
  for (const ScoringHead& head : filter.heads) {
    if (!parts.scoring.empty() && parts.scoring.back().layer() == head.layer) continue;
    parts.scoring.emplace_back(from.config, head.layer, shelf.scoring(head.layer));
  }
}

}  // namespace

ModelParts load_parts(const SessionModels& models, const ClusterPlan& plan, RankId rank, const FilterProfile& filter) {
  ModelParts parts;
  Shelf of_answer(models.answer);
  Shelf of_filter(models.filter);
  if (const auto stage = plan.stage_of(rank)) load_stage(models.answer, of_answer, plan, *stage, parts);
  if (plan.filters(rank)) load_filter(models.filter, models.are_one() ? of_answer : of_filter, filter, parts);
  return parts;
}

}  // namespace gemring
