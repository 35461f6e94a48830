// The checkpoints that a session runs on: one whose last layers answer, and one whose first layers filter.
#pragma once

#include "engine/model/config.h"
#include "engine/weights/tensor_source.h"

namespace gemring {

/// Refers to the caller's, who keeps both as long as what is made of them.
struct Checkpoint {
  const ModelConfig& config;
  const TensorSource& weights;
};

struct SessionModels {
  /// One checkpoint does both: GemFilter.
  SessionModels(const ModelConfig& config, const TensorSource& weights)
      : SessionModels({config, weights}, {config, weights}) {}
  /// The filter group holds `filter` only, the stages `answer` only. Ids of the prompt are those of both.
  SessionModels(const Checkpoint& answering, const Checkpoint& filtering) : answer(answering), filter(filtering) {}

  bool are_one() const { return &answer.weights == &filter.weights; }

  Checkpoint answer;
  Checkpoint filter;
};

}  // namespace gemring
