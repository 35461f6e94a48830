// Which weights a rank maps, and how much of them becomes resident in its memory.
#pragma once

#include <cstdint>
#include <vector>

#include "distributed/plan/cost.h"
#include "engine/model/tensors.h"

namespace gemring {

/// Weights that are made or converted are memory from the start, and of block types all scales are looked at when they
/// are mapped. Other mapped weights become resident as they are read, and some never are: rows of the embedding that no
/// token has; the output matrix, and of the last layer all but keys and values, on ranks that do not hold the last
/// token.
class WeightReads {
 public:
  /// `plan` and `inputs` outlive this.
  WeightReads(const ClusterPlan& plan, const PlanInputs& inputs, RankId rank);

  /// Every tensor that the rank maps, by index ascending, with the bytes that are resident in the end.
  std::vector<ReadTensor> all() const;

  /// Bytes resident while the filter pass of the first request runs.
  std::uint64_t resident_in_filter() const;

 private:
  bool filters() const { return plan_.filters(rank_); }
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
  RankId rank_;
  const StagePlan* stage_ = nullptr;
  bool first_stage_ = false;
  bool last_stage_ = false;
  std::vector<ModelTensor> tensors_;               // of the model
  std::vector<const ModelTensor*> of_checkpoint_;  // for each of inputs.tensors; nullptr: not mapped here
};

}  // namespace gemring
