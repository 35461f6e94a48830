#include "engine/selection/fitted_selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "engine/base/error.h"
#include "engine/selection/selector.h"

namespace gemring {

CompressedPrompt fitted_selection(std::span<const float> scores, const ResolvedSelection& selection,
                                  const Rereading& reading) {
  const auto read_with = [&](std::int32_t own_tokens) {
    ResolvedSelection of_own = selection;
    of_own.keep = own_tokens;
    CompressedPrompt made;
    made.kept = make_selector(of_own)->select({.scores = scores});
    made.ids = reading(made.kept);
    return made;
  };
  const auto all = static_cast<std::int32_t>(scores.size());
  std::int32_t fewest = std::min(std::max(static_cast<std::int32_t>(count_tokens(selection.forced)), 1), all);
  CompressedPrompt best = read_with(fewest);
  if (best.ids.size() > static_cast<std::size_t>(selection.keep)) {
    throw UsageError(
        {"--keep",
         fmt::format("{} is less than the {} tokens that what is kept in any case and the chat's markup are "
                     "to the answering model",
                     selection.keep, best.ids.size()),
         "raise --keep, or ask shorter"});
  }
  for (std::int32_t too_many = all + 1; too_many - fewest > 1;) {
    const std::int32_t middle = fewest + (too_many - fewest) / 2;
    CompressedPrompt tried = read_with(middle);
    if (tried.ids.size() > static_cast<std::size_t>(selection.keep)) {
      too_many = middle;
    } else {
      fewest = middle;
      best = std::move(tried);
    }
  }
  return best;
}

}  // namespace gemring
