// A selection whose kept tokens another model reads in a vocabulary of its own: as many as that one has room for.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "engine/selection/selection.h"

namespace gemring {

/// The ids that the answering model reads where these positions are kept, ascending.
using Rereading = std::function<std::vector<TokenId>(std::span<const OriginalPosition> kept)>;

/// The selection with selection.keep counted in what is read: of make_selector()'s choices of 1, 2, ... of the prompt's
/// own tokens the largest that bisection finds to be read as no more than selection.keep, between the fewest (forced
/// ones, or one) and all. compressed.kept are positions of the prompt, compressed.ids what is read. Throws UsageError
/// where not even the fewest have room, InternalError as Selector::select().
CompressedPrompt fitted_selection(std::span<const float> scores, const ResolvedSelection& selection,
                                  const Rereading& reading);

}  // namespace gemring
