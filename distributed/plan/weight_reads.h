// Which weights a rank maps, and how much of them becomes resident in its memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "distributed/plan/cost.h"
#include "engine/model/tensors.h"

namespace gemring {

/// Of one checkpoint. Weights that are made or converted are memory from the start, and of block types all scales are
/// looked at when they are mapped. Other mapped weights become resident as they are read, and some never are: rows of
/// the embedding that no token has; the output matrix, and of the last layer all but keys and values, on ranks that do
/// not hold the last token.
class CheckpointReads {
 public:
  /// What the rank does with this checkpoint.
  struct Roles {
    bool filters = false;
    std::optional<std::size_t> stage;
  };
  /// `plan` and `inputs`, which `model` refers to, outlive this.
  CheckpointReads(const ClusterPlan& plan, const PlanInputs& inputs, const PlannedModel& model, RankId rank,
                  const Roles& roles);

  /// Every tensor that the rank maps, by index into model.tensors ascending, with the bytes that are resident in the
  /// end.
  std::vector<ReadTensor> all() const;

  /// Bytes resident while the filter pass of the first request runs.
  std::uint64_t resident_in_filter() const;

 private:
  bool holds_last_token() const;
  std::int32_t tokens_of_filter() const;  // whose embeddings the rank gathers
  std::int32_t tokens_of_stage() const;
  bool stage_needs(const ModelTensor& tensor) const;
  bool filter_needs(const ModelTensor& tensor) const;
  std::uint64_t read_by_stage(const ModelTensor& tensor, std::uint64_t bytes) const;
  std::uint64_t read_by_filter(const ModelTensor& tensor, std::uint64_t bytes) const;
  std::uint64_t resident(const ModelTensor& tensor, const TensorInfo& info) const;

  const ClusterPlan& plan_;
  const PlanInputs& inputs_;
  PlannedModel model_;
  RankId rank_;
  bool filters_;
  const StagePlan* stage_ = nullptr;
  bool first_stage_ = false;
  bool last_stage_ = false;
  std::vector<ModelTensor> tensors_;               // of the model
  std::vector<const ModelTensor*> of_checkpoint_;  // for each of its tensors; nullptr: not mapped here
};

/// The tensors that the rank maps, by ReadTensor::index ascending; where two checkpoints are planned for, of each what
/// its role needs.
class WeightReads {
 public:
  /// `plan` and `inputs` outlive this.
  WeightReads(const ClusterPlan& plan, const PlanInputs& inputs, RankId rank);

  std::vector<ReadTensor> all() const;
  std::uint64_t resident_in_filter() const;

 private:
  const PlanInputs& inputs_;
  CheckpointReads of_answer_;                 // and of the filter, where one checkpoint does both
  std::optional<CheckpointReads> of_filter_;  // another one
};

}  // namespace gemring
