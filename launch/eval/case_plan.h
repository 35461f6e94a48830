// Which cases an evaluation asks, in their order. Pure: what a case is follows from its id and the seed.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "launch/eval/task.h"
#include "launch/options/options.h"

namespace gemring {

struct PlannedCase {
  std::string id;  // TASK/LENGTH/DEPTH/SAMPLE; the depth "drawn" where it is, "-" where there is none
  const EvalTask* task = nullptr;
  CaseShape shape;
  std::int32_t max_new_tokens = 0;

  /// Percent.
  std::optional<double> depth() const {
    return task->has_depth ? std::optional<double>(std::round(shape.depth * 100)) : std::nullopt;
  }
};

/// Those of `all` that --tasks names, in its order; unset: all, of niah niah_single_2. Throws UsageError.
std::vector<EvalTask> chosen_tasks(const EvalOptions& options, const std::vector<EvalTask>& all);

/// Lengths outside, then tasks, depths, samples. `questions`: how many qa has. `tasks` outlive them.
std::vector<PlannedCase> plan_cases(const EvalOptions& options, const std::vector<EvalTask>& tasks,
                                    std::int32_t questions);

}  // namespace gemring
