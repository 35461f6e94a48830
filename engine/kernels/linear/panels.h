// A product's outputs in panels that threads take one after the other. For the products of this folder.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstddef>

#include "engine/base/place.h"

namespace gemring {

/// Calls work(first, count) for the `units` of a product in panels of at most `most`, from all threads: at least two
/// panels a thread, so that one that is held up does not hold up all. For products whose bits do not depend on where a
/// panel ends.
template <class Work>
void for_each_panel(std::size_t units, std::size_t most, Work work) {
  const std::size_t half_share = units / (2 * static_cast<std::size_t>(omp_get_max_threads()));
  const std::size_t step = std::clamp<std::size_t>(half_share, 1, most);
#pragma omp parallel for schedule(dynamic)
  for (std::size_t first = 0; first < units; first += step) {
    work(first, std::min(step, units - first));
    mark_task();
  }
}

}  // namespace gemring
