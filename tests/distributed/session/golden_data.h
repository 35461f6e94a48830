// What the golden tests have in common: ids and plans, and how far logits are apart. Header only.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "distributed/plan/cluster_plan.h"
#include "distributed/session/session.h"
#include "engine/weights/safetensors/safetensors.h"
#include "tests/engine/kernels/every_isa.h"

namespace gemring::test {

inline std::vector<TokenId> ids_of(const SafetensorsFile& file, const std::string& name) {
  std::vector<TokenId> ids;
  for (const std::int64_t id : read_i64_tensor(file, name)) ids.emplace_back(id);
  return ids;
}

inline std::vector<std::int32_t> values(const std::vector<TokenId>& ids) {
  std::vector<std::int32_t> numbers;
  numbers.reserve(ids.size());
  for (const TokenId id : ids) numbers.push_back(id.value());
  return numbers;
}

inline GroupSpec all_ranks() {
  return {.symbol = GroupSpec::Symbol::all, .ranks = {}};
}

/// Passes with a cache of this type, messages of that type, and one ring variant where one is named.
inline ComputeOptions stored_as(DataType kv_type, DataType message_type, std::optional<RingVariant> ring = {}) {
  ComputeOptions options;
  options.kv_type = kv_type;
  options.ring.message_type = message_type;
  options.ring.variant = ring;
  return options;
}

/// Plans of different kinds that a number of ranks and of layers allows; chunks are short so that a prompt has many.
inline std::vector<std::pair<std::string, ClusterPlan>> plans(int ranks, Method method, std::int32_t layers) {
  std::vector<std::pair<std::string, ClusterPlan>> made;
  ClusterSpec shards{
      .name = "shards", .filter = all_ranks(), .stages = {{.group = all_ranks(), .cut = 1}}, .chunk_length = 0};
  made.emplace_back("all filter, one stage of all", resolve(shards, ranks, method, layers));
  if (ranks <= layers) {
    made.emplace_back("default", default_plan(ranks, method, layers));
    ClusterSpec stages{
        .name = "stages", .filter = all_ranks(), .stages = {{.group = all_ranks(), .cut = 0}}, .chunk_length = 23};
    made.emplace_back("all filter, one stage each, chunks of 23", resolve(stages, ranks, method, layers));
  }
  if (ranks > 1) {
    ClusterSpec grid{.name = "grid", .filter = {}, .stages = {{.group = all_ranks(), .cut = 2}}, .chunk_length = 17};
    made.emplace_back("two stages of all, chunks of 17", resolve(grid, ranks, method, layers));
    GroupSpec uneven = all_ranks();
    for (int rank = 0; rank < ranks; ++rank) uneven.shares.push_back(1 + (rank + 1) % 3 * 2);  // 3 5 1 3
    ClusterSpec shares{.name = "shares", .filter = uneven, .stages = {{.group = uneven, .cut = 1}}, .chunk_length = 0};
    made.emplace_back("all filter, one stage of all, uneven shares", resolve(shares, ranks, method, layers));
    shares.stages.front().cut = 2;
    shares.stages.front().layers = 0;
    shares.chunk_length = 19;
    made.emplace_back("two stages of all, uneven shares, chunks of 19", resolve(shares, ranks, method, layers));
  }
  return made;
}

/// How the same must come out again.
struct Setting {
  std::string name;
  ClusterPlan plan;
  Isa isa;
};

/// Every plan with the machine's best instruction set, and on one and two ranks the first one with each of the others:
/// kernels do not know how many ranks there are.
inline std::vector<Setting> settings(int ranks, Method method, std::int32_t layers) {
  std::vector<Setting> made;
  for (auto& [plan_name, plan] : plans(ranks, method, layers)) made.push_back({plan_name, plan, detected_isa()});
  for (const Isa isa : isas_of_this_machine()) {
    if (isa == detected_isa() || ranks > 2) continue;
    made.push_back({made.front().name + ", " + std::string(name(isa)), made.front().plan, isa});
  }
  return made;
}

/// KL(expected || got) of the softmax of one row of logits each.
inline double divergence(const float* expected, const float* got, std::size_t vocab) {
  const auto log_sum = [vocab](const float* row) {
    double sum = 0;
    for (std::size_t i = 0; i < vocab; ++i) sum += std::exp(static_cast<double>(row[i]));
    return std::log(sum);
  };
  const double expected_sum = log_sum(expected);
  const double got_sum = log_sum(got);
  double total = 0;
  for (std::size_t i = 0; i < vocab; ++i) {
    const double log_p = static_cast<double>(expected[i]) - expected_sum;
    total += std::exp(log_p) * (log_p - (static_cast<double>(got[i]) - got_sum));
  }
  return total;
}

/// The mean over all rows.
inline double mean_divergence(const std::vector<float>& expected, const std::vector<float>& got, std::size_t vocab) {
  double sum = 0;
  for (std::size_t row = 0; row < expected.size(); row += vocab) sum += divergence(&expected[row], &got[row], vocab);
  const std::size_t rows = expected.size() / vocab;
  return sum / static_cast<double>(rows);
}

}  // namespace gemring::test
