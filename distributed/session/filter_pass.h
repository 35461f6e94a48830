// A filter pass: layers 0..r over the whole prompt, on the ranks of the filter group, step by step. One raw product per
// prompt token for each head that scores and each query that it has.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/cluster_plan.h"
#include "distributed/session/compute_options.h"
#include "distributed/session/kept_reading.h"
#include "engine/model/decoder_layer.h"
#include "engine/selection/filter_profile.h"

namespace gemring {

/// What a filter rank holds of the model. The caller's, outlives the passes.
struct FilterParts {
  const Embedding* embedding = nullptr;
  std::span<const DecoderLayer> layers;    // 0..r-1
  std::span<const ScoringLayer> scoring;   // one for each layer with a scoring head, ascending; the last is layer r
  const FilterProfile* profile = nullptr;  // whose heads score, and how far layers below them look
};

/// One rank's part of a pass, from step to step. Every member of the group makes the same calls; other passes' steps
/// may lie between two of them.
class FilterPass {
 public:
  virtual ~FilterPass() = default;

  /// Called with the share of a step's work that is done; may be empty.
  using Progress = std::function<void(double)>;

  /// The next step but the last.
  virtual void run_step(const Progress& progress) = 0;
  /// The last step. Returns the raw products of each scoring head, [heads, AskingTokens::count, n], in order of
  /// position on the first rank, elsewhere nothing.
  virtual std::vector<float> score() = 0;

  /// Another pass goes first: frees the scratch, which the next step makes again.
  virtual void wait() = 0;

  /// Behind score(), of a windowed pass that was told to keep something: this rank's part of it.
  virtual KeptReading kept() = 0;
};

/// Of a pass over n tokens, the last one included: one for each layer of an exact pass, one for each round of chunks of
/// a windowed one, of which those before `from_chunk` are not read again.
std::int32_t filter_steps(const FilterProfile& profile, const ClusterPlan& plan, const ComputeOptions& options,
                          std::int32_t n, std::int32_t from_chunk = 0);

/// A pass over n tokens, whose ids the group's first rank gives; elsewhere `prompt` is empty (other ranks receive only
/// their own). The profile says whether it is exact or windowed. `span`: of the last tokens, question_span().
/// `before`: of the reading that a windowed pass goes on from, this rank's part; else nullptr. What is referred to
/// outlives the pass.
std::unique_ptr<FilterPass> make_filter_pass(Communicator& group, const ModelConfig& config, const FilterParts& parts,
                                             const ComputeOptions& options, const ClusterPlan& plan, std::int32_t n,
                                             std::int32_t span, std::span<const TokenId> prompt,
                                             const ReadingOrder& reading = {}, const KeptReading* before = nullptr);

}  // namespace gemring
