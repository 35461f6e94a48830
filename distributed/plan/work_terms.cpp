#include "distributed/plan/work_terms.h"

#include <algorithm>

namespace gemring {
namespace {

double keys_seen_before(double end, double window) {
  const double growing = std::min(end, window);
  return growing * (growing + 1) / 2 + (end - growing) * window;
}

}  // namespace

double keys_seen(const std::vector<PositionRange>& ranges, std::int32_t window) {
  double keys = 0;
  for (const PositionRange& range : ranges) {
    keys += keys_seen_before(range.end.value(), window) - keys_seen_before(range.begin.value(), window);
  }
  return keys;
}

double keys_seen(const ModelConfig& model, const std::vector<PositionRange>& ranges, LayerIndex begin, LayerIndex end) {
  double sum = 0;
  for (LayerIndex layer = begin; layer < end; ++layer) sum += keys_seen(ranges, model.layer(layer).window);
  return sum;
}

double keys_of_one(const ModelConfig& model, double context, LayerIndex begin, LayerIndex end) {
  double sum = 0;
  for (LayerIndex layer = begin; layer < end; ++layer) sum += std::min(context, double{1} * model.layer(layer).window);
  return sum;
}

}  // namespace gemring
