// What came of one case by one method: a line of cases.jsonl.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "launch/eval/task.h"

namespace gemring {

struct CaseResult {
  std::string id;  // of the case, the same for every method: "niah_single_2/4096/50/0"
  std::string method;
  std::string task;
  TaskCategory category = TaskCategory::retrieval;
  std::int32_t length = 0;      // that was asked for
  std::optional<double> depth;  // percent; unset: the task has none
  std::int32_t sample = 0;
  std::uint64_t seed = 0;  // of the case
  std::int32_t prompt_tokens = 0;
  std::int32_t kept = 0;         // of these; all without a filter
  std::optional<double> recall;  // share of the answers' tokens among the kept; unset: they stand nowhere
  double score = 0;              // see score_of()
  std::string answer;
  std::vector<std::string> references;
  double first_token_seconds = 0;
  double filter_seconds = 0;  // of these
  double seconds = 0;         // until the end
};

/// One line of JSON with its end.
std::string case_line(const CaseResult& result);

/// What case_line() wrote. `where` is named in the UsageError of a line that is none.
CaseResult parse_case_line(std::string_view line, const std::string& where);

}  // namespace gemring
