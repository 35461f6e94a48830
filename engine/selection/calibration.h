// Finds how a checkpoint filters: which layers and heads keep the answers of prompts whose answers are known. Nothing
// but arithmetic on what a forward pass gathered.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/selection/filter_profile.h"
#include "engine/selection/selection.h"

namespace gemring {

/// How many tokens of the question may ask, the most last; each divides it. So many that two heads can score with all
/// of them (kMostColumns): one head alone may be good by chance.
inline constexpr std::array<std::int32_t, 3> kQueryCounts = {1, 8, 16};

/// One prompt of n tokens, and what every head of every layer says of it.
struct CalibrationCase {
  std::vector<float> layer_sums;  // [layers, n]: raw products with the last token, summed over heads (GemFilter)
  /// For each of kQueryCounts: [layers x heads, n], layer by layer: z-scores, of so many queries the best.
  std::array<std::vector<float>, kQueryCounts.size()> head_scores;
  std::vector<OriginalPosition> answer;  // where the answer's tokens stand, ascending; not empty
  /// The question has no word of the fact. Heads that find equal words find nothing here, and none finds all of these.
  bool paraphrased = false;
  std::vector<ResolvedSelection> selections;  // what selects from the scores: one for each unit that may be kept whole
};

/// columns: [layers x heads, queries, n] raw products of a pass whose profile has every head and kQueryCounts.back()
/// queries (a shorter prompt has fewer). Fewer queries are every so many of these, as asking_tokens() spreads them.
/// Returns a case without answer and selections.
CalibrationCase case_of(std::span<const float> columns, std::int32_t n, std::int32_t layers, std::int32_t heads);

/// A profile, and its mean recall: the share of an answer's tokens that are kept.
struct CalibratedProfile {
  FilterProfile profile;
  double chosen_by = 0;     // on the prompts that it was chosen by
  double confirmed_by = 0;  // on the others
  double paraphrased = 1;   // on those that are paraphrased, which the two above leave out; 1 where there are none

  double least() const;
};

/// Mean recall at one layer, over all prompts.
struct LayerRecall {
  double all_heads = 0;  // summed, as GemFilter does
  double best_head = 0;  // of one head alone, with the queries and the unit of the best profile
  std::int32_t head = 0;
};

struct Calibration {
  std::vector<LayerRecall> layers;
  CalibratedProfile best;
  CalibratedProfile runner_up;  // the best of the other ways to score and to keep
  bool reached = false;         // `best` keeps the target on both halves of the prompts
};

/// The profile with the fewest layers that keeps at least `target` of the answers' tokens on each half of the prompts,
/// numbers 0, 2, 4, ... choosing its heads and the others confirming; and of paraphrased ones nearly as many as
/// whatever profile keeps the most: the earliest heads find nothing but equal words. Profiles are all heads of a layer,
/// raw (GemFilter), and the best 1, 2, 4 or 8 heads up to a layer as z-scores, with each of kQueryCounts as far as
/// columns go, with each unit. `margin`: so many layers later than the first that would do. Of ways that do the same
/// the surest: by what it keeps of paraphrased answers, then by the tokens that score lower than the answer's. Where
/// none reaches the target, the one with the best recall.
/// Requires: at least two prompts that are not paraphrased, one in each half; selections of the same units.
Calibration calibrate(std::span<const CalibrationCase> prompts, std::int32_t layers, std::int32_t heads, double target,
                      std::int32_t margin);

}  // namespace gemring
