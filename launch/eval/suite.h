// What an evaluation asks about: the books or questions that are read, and the tasks in them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "launch/eval/case_plan.h"
#include "launch/eval/task.h"
#include "launch/options/options.h"

namespace gemring {

class Suite {
 public:
  /// Reads what the options name. Throws UsageError: a file that cannot be read or is none, a task that there is not.
  explicit Suite(const EvalOptions& options);
  Suite(const Suite&) = delete;  // tasks refer to the books
  Suite& operator=(const Suite&) = delete;

  const std::vector<EvalTask>& tasks() const { return tasks_; }

  /// plan_cases() of them.
  std::vector<PlannedCase> cases() const { return plan_cases(options_, tasks_, questions_); }

  /// Of all texts and questions: what cases depend on beside the options.
  std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  void read_questions_of(const EvalOptions& options);

  EvalOptions options_;
  std::string book_;
  std::optional<Hay> hay_;
  std::vector<EvalTask> tasks_;
  std::int32_t questions_ = 0;
  std::uint64_t fingerprint_ = 0;
};

}  // namespace gemring
