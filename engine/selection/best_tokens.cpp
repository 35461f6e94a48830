#include "engine/selection/best_tokens.h"

#include <algorithm>
#include <functional>

#include "engine/base/check.h"

namespace gemring {
void add_best_tokens(std::span<const float> pooled, std::size_t count, std::vector<bool>& kept) {
  if (count == 0) return;
  std::vector<float> sorted;
  for (std::size_t i = 0; i < pooled.size(); ++i) {
    if (!kept[i]) sorted.push_back(pooled[i]);
  }
  GEMRING_CHECK(count <= sorted.size(), "{} of {} tokens", count, sorted.size());
  const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(count) - 1;
  std::nth_element(sorted.begin(), last, sorted.end(), std::greater<>());
  const float threshold = *last;
  // What nth_element left before `last` is >= threshold; of the equal ones only as many as fit.
  auto equal_left = 1 + std::count(sorted.begin(), last, threshold);
  for (std::size_t i = 0; i < pooled.size(); ++i) {
    if (!kept[i] && (pooled[i] > threshold || (pooled[i] == threshold && equal_left-- > 0))) kept[i] = true;
  }
}

}  // namespace gemring
