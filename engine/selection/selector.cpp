#include "engine/selection/selector.h"

namespace gemring {

std::vector<OriginalPosition> GemFilterSelector::select(const Evidence& evidence) const {
  return select_positions(evidence.scores, selection_);
}

std::unique_ptr<Selector> make_selector(const ResolvedSelection& selection) {
  return std::make_unique<GemFilterSelector>(selection);
}

}  // namespace gemring
