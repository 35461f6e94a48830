// From what a filter pass learned of a prompt to the tokens that go on: the seam for other ways to choose.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/base/types.h"
#include "engine/selection/selection.h"

namespace gemring {

/// What the filter pass learned, in columns of one entry per prompt token, in order of position.
struct Evidence {
  std::span<const float> scores;  // [n]: what the profile makes of its heads' products (combine_scores)
};

/// Knows the options of one request. On rank 0 only.
class Selector {
 public:
  virtual ~Selector() = default;

  /// The kept positions, ascending. NaN scores throw InternalError.
  virtual std::vector<OriginalPosition> select(const Evidence& evidence) const = 0;
};

/// GemFilter (arXiv 2409.17422): forced tokens, then the best of the rest by pooled score (select_positions).
class GemFilterSelector final : public Selector {
 public:
  explicit GemFilterSelector(const ResolvedSelection& selection) : selection_(selection) {}
  std::vector<OriginalPosition> select(const Evidence& evidence) const override;

 private:
  ResolvedSelection selection_;
};

std::unique_ptr<Selector> make_selector(const ResolvedSelection& selection);

}  // namespace gemring
