// Short ways to write cluster files and to read plans.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "distributed/plan/cluster_plan.h"

namespace gemring {

inline GroupSpec symbol(GroupSpec::Symbol symbol) {
  return {symbol, {}};
}

inline GroupSpec group(const std::vector<int>& numbers) {
  GroupSpec group;
  for (const int rank : numbers) group.ranks.emplace_back(rank);
  return group;
}

/// "0..4: 1 2 | 5..7: 3"
inline std::string stages_of(const ClusterPlan& plan) {
  std::string text;
  for (const StagePlan& stage : plan.stages) {
    if (!text.empty()) text += " | ";
    text += fmt::format("{}..{}:", stage.first_layer.value(), stage.end_layer.value() - 1);
    for (const RankId rank : stage.ranks) text += fmt::format(" {}", rank.value());
  }
  return text;
}

inline std::vector<int> numbers(const std::vector<RankId>& ranks) {
  std::vector<int> values;
  values.reserve(ranks.size());
  for (const RankId rank : ranks) values.push_back(rank.value());
  return values;
}

}  // namespace gemring
