// What the cases of an evaluation come to, as tables.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "launch/eval/case_result.h"

namespace gemring {

/// Of some cases of one method.
struct CaseSummary {
  std::size_t cases = 0;
  double accuracy = 0;             // percent: the mean of scores
  std::optional<double> recall;    // mean
  double first_token_seconds = 0;  // median
  double filter_seconds = 0;       // median
  double kept = 0;                 // median of tokens
};
CaseSummary summary_of(std::span<const CaseResult* const> cases);

/// Methods in the order of their first case.
std::vector<std::string> methods_in(std::span<const CaseResult> results);

/// The first row is the head; columns of figures stand right.
using TableRows = std::vector<std::vector<std::string>>;
std::string table_text(const TableRows& rows);

/// A row for each category, length and method; categories apart, for selection cannot win at aggregation.
TableRows category_rows(std::span<const CaseResult> results);

/// A row for each task and length, accuracy of each method.
TableRows task_rows(std::span<const CaseResult> results);

/// Both, as text; the second where there are several tasks.
std::string summary_text(std::span<const CaseResult> results);

}  // namespace gemring
