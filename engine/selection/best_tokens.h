// The best tokens of a prompt by pooled score. Private to engine/selection.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace gemring {

/// Marks the `count` best tokens that are not marked: of those that score alike the first ones. pooled, kept: [n], no
/// NaN. Requires: so many are not marked.
void add_best_tokens(std::span<const float> pooled, std::size_t count, std::vector<bool>& kept);

}  // namespace gemring
