#include "launch/eval/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace gemring {
namespace {

using Cases = std::vector<const CaseResult*>;

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

template <class Value>
double median_over(std::span<const CaseResult* const> cases, Value CaseResult::*field) {
  std::vector<double> values;
  values.reserve(cases.size());
  for (const CaseResult* one : cases) values.push_back(static_cast<double>(one->*field));
  return median_of(std::move(values));
}

/// Index of each method in the order of the columns.
std::map<std::string, std::size_t> places_of_methods(std::span<const CaseResult> results) {
  std::map<std::string, std::size_t> places;
  for (const std::string& method : methods_in(results)) places.emplace(method, places.size());
  return places;
}

bool is_number(const std::string& text) {
  return !text.empty() && (text == "-" || text.find_first_not_of("0123456789.") == std::string::npos);
}

}  // namespace

CaseSummary summary_of(std::span<const CaseResult* const> cases) {
  CaseSummary summary;
  summary.cases = cases.size();
  if (cases.empty()) return summary;
  double recall = 0, score = 0;
  std::size_t with_recall = 0;
  for (const CaseResult* one : cases) {
    score += one->score;
    recall += one->recall.value_or(0);
    with_recall += one->recall ? 1 : 0;
  }
  summary.accuracy = 100 * score / static_cast<double>(cases.size());
  if (with_recall > 0) summary.recall = recall / static_cast<double>(with_recall);
  summary.first_token_seconds = median_over(cases, &CaseResult::first_token_seconds);
  summary.filter_seconds = median_over(cases, &CaseResult::filter_seconds);
  summary.kept = median_over(cases, &CaseResult::kept);
  return summary;
}

std::vector<std::string> methods_in(std::span<const CaseResult> results) {
  std::vector<std::string> methods;
  for (const CaseResult& result : results) {
    if (std::find(methods.begin(), methods.end(), result.method) == methods.end()) methods.push_back(result.method);
  }
  return methods;
}

std::string table_text(const TableRows& rows) {
  std::vector<std::size_t> widths(rows.empty() ? 0 : rows[0].size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool right = rows.size() > 1 && is_number(rows[1][i]);
      if (i > 0) line += "  ";
      line += right ? fmt::format("{:>{}}", row[i], widths[i]) : fmt::format("{:<{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

TableRows category_rows(std::span<const CaseResult> results) {
  const auto places = places_of_methods(results);
  std::map<std::tuple<TaskCategory, std::int32_t, std::size_t>, Cases> groups;
  for (const CaseResult& result : results) {
    groups[{result.category, result.length, places.at(result.method)}].push_back(&result);
  }
  TableRows rows = {
      {"category", "length", "method", "cases", "accuracy", "recall", "first token s", "filter s", "kept"}};
  for (const auto& [key, cases] : groups) {
    const CaseSummary summary = summary_of(cases);
    rows.push_back({std::string(name(std::get<0>(key))), fmt::format("{}", std::get<1>(key)), cases.front()->method,
                    fmt::format("{}", summary.cases), fmt::format("{:.1f}", summary.accuracy),
                    summary.recall ? fmt::format("{:.3f}", *summary.recall) : "-",
                    fmt::format("{:.2f}", summary.first_token_seconds), fmt::format("{:.2f}", summary.filter_seconds),
                    fmt::format("{:.0f}", summary.kept)});
  }
  return rows;
}

TableRows task_rows(std::span<const CaseResult> results) {
  const auto places = places_of_methods(results);
  std::map<std::tuple<TaskCategory, std::string, std::int32_t>, std::map<std::string, Cases>> groups;
  for (const CaseResult& result : results) {
    groups[{result.category, result.task, result.length}][result.method].push_back(&result);
  }
  TableRows rows = {{"task", "length"}};
  const std::vector<std::string> methods = methods_in(results);
  rows[0].insert(rows[0].end(), methods.begin(), methods.end());
  for (const auto& [key, by_method] : groups) {
    std::vector<std::string> row = {std::get<1>(key), fmt::format("{}", std::get<2>(key))};
    for (const std::string& method : methods) {
      const auto found = by_method.find(method);
      row.push_back(found == by_method.end() ? "-" : fmt::format("{:.1f}", summary_of(found->second).accuracy));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string summary_text(std::span<const CaseResult> results) {
  std::string text = table_text(category_rows(results));
  const bool one_task = std::all_of(results.begin(), results.end(),
                                    [&](const CaseResult& result) { return result.task == results.front().task; });
  if (!one_task) text += "\naccuracy by task\n" + table_text(task_rows(results));
  return text;
}

}  // namespace gemring
