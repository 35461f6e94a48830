// The best of a prompt by pooled score: tokens, or units that are kept as a whole. Private to engine/selection.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/selection/selection.h"

namespace gemring {

/// Marks the `count` best tokens that are not marked: of those that score alike the first ones. pooled, kept: [n], no
/// NaN. Requires: so many are not marked.
void add_best_tokens(std::span<const float> pooled, std::size_t count, std::vector<bool>& kept);

/// Ranges of the prompt's n tokens that `selection` keeps as one: together all, ascending, none empty.
std::vector<TokenRange> units_of(const ResolvedSelection& selection, std::int32_t tokens);

/// Marks `count` tokens that are not marked, unit by unit: the one with the best such token first, of those that score
/// alike the first one. Of a unit with more of them than are left to mark go those around its best token, as many
/// before as behind it where it has so many. Requires: as above.
void add_best_units(std::span<const float> pooled, std::span<const TokenRange> units, std::size_t count,
                    std::vector<bool>& kept);

}  // namespace gemring
