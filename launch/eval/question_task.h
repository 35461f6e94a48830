// Questions that people give about texts, as a task: pieces of the text around the passage with the answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/calibrate/needles.h"
#include "launch/eval/task.h"

namespace gemring {

/// `text` with single blanks between its words.
std::string one_spaced(std::string_view text);

/// Sample i asks question i, of the words around its passage, or of the whole text where that is not longer. Requires:
/// there is one; the facts stand in their texts (read_questions()).
EvalTask question_task(const std::vector<Needle>& questions);  // qa

}  // namespace gemring
