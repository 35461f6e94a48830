// Finds how a checkpoint filters: which layers and heads keep the answers of prompts whose answers are known. Nothing
// but arithmetic on what a forward pass gathered.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/selection/filter_profile.h"
#include "engine/selection/selection.h"

namespace gemring {

/// One prompt of n tokens, and what every head of every layer says of it.
struct CalibrationCase {
  std::vector<float> columns;                 // [layers x heads, n]: raw products with the last token, layer by layer
  std::vector<OriginalPosition> answer;       // where the answer's tokens stand, ascending; not empty
  std::vector<ResolvedSelection> selections;  // what selects from the scores: one for each unit that may be kept whole
};

/// A profile, and its mean recall: the share of an answer's tokens that are kept.
struct CalibratedProfile {
  FilterProfile profile;
  double chosen_by = 0;     // on the prompts that it was chosen by
  double confirmed_by = 0;  // on the others

  double least() const;
};

/// Mean recall at one layer, over all prompts.
struct LayerRecall {
  double all_heads = 0;  // summed, as GemFilter does
  double best_head = 0;  // of one head alone
  std::int32_t head = 0;
};

struct Calibration {
  std::vector<LayerRecall> layers;
  CalibratedProfile best;
  CalibratedProfile runner_up;  // the best of the other kind: all heads of a layer, or single heads
  bool reached = false;         // `best` keeps the target on both halves of the prompts
};

/// A profile's scores of a prompt.   Returns [n]. Requires: the profile's layers and heads are the prompt's.
std::vector<float> head_scores(const CalibrationCase& prompt, std::int32_t layers, std::int32_t heads,
                               const FilterProfile& profile);

/// The profile with the fewest layers that keeps at least `target` of the answers' tokens on each half of the prompts:
/// numbers 0, 2, 4, ... choose its heads, the others confirm. Profiles are all heads of a layer, raw (GemFilter), and
/// the best 1, 2, 4 or 8 heads up to a layer, as z-scores. `margin`: so many layers later than the first that would do.
/// Of units that do the same the first one is taken. Where none reaches the target, the one with the best recall.
/// Requires: at least two prompts, whose selections are of the same units.
Calibration calibrate(std::span<const CalibrationCase> prompts, std::int32_t layers, std::int32_t heads, double target,
                      std::int32_t margin);

}  // namespace gemring
