#include "distributed/plan/balance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/check.h"

namespace gemring {
namespace {

constexpr double kLargestShare = 64;
constexpr int kMostMoves = 256;

std::vector<double> speeds_of(const Machines& machines, const std::vector<RankId>& ranks) {
  std::vector<double> speeds;
  speeds.reserve(ranks.size());
  for (const RankId rank : ranks) speeds.push_back(machines.speed(rank));
  return speeds;
}

/// Consecutive stages again, of these lengths.
void set_layers(ClusterPlan& plan, const std::vector<std::int32_t>& layers) {
  LayerIndex next(0);
  for (std::size_t stage = 0; stage < layers.size(); ++stage) {
    plan.stages[stage].first_layer = next;
    next = plan.stages[stage].end_layer = next + layers[stage];
  }
}

/// How full the fullest host is: more than 1 does not fit. And which it is.
struct Fullness {
  double worst = 0;
  std::vector<double> of_rank;  // of each rank's host
};

Fullness fullness(const ClusterPlan& plan, const PlanInputs& inputs, const std::vector<HostMemory>& hosts) {
  Fullness full;
  full.of_rank.resize(hosts.size());
  for (const HostNeed& need : host_needs(rank_costs(plan, inputs), inputs, hosts)) {
    const double share =
        static_cast<double>(need.needed_bytes) / std::max(1.0, static_cast<double>(need.available_bytes));
    full.worst = std::max(full.worst, share);
    for (const RankId rank : need.ranks) full.of_rank[rank.index()] = share;
  }
  return full;
}

double fullest(const Fullness& full, const std::vector<RankId>& ranks) {
  double most = 0;
  for (const RankId rank : ranks) most = std::max(most, full.of_rank[rank.index()]);
  return most;
}

/// One layer from the fullest open stage that has two to the emptiest; false where there is none to move.
bool move_layer(ClusterPlan& plan, const Fullness& full) {
  int from = -1;
  int to = -1;
  for (int i = 0; i < static_cast<int>(plan.stages.size()); ++i) {
    const StagePlan& stage = plan.stages[static_cast<std::size_t>(i)];
    if (!stage.layers_open) continue;
    const auto fuller = [&](int other) {
      return fullest(full, stage.ranks) - fullest(full, plan.stages[static_cast<std::size_t>(other)].ranks);
    };
    if (stage.layers() > 1 && (from < 0 || fuller(from) > 0)) from = i;
    if (to < 0 || fuller(to) < 0) to = i;
  }
  if (from < 0 || from == to || fullest(full, plan.stages[static_cast<std::size_t>(from)].ranks) <= 1) return false;
  std::vector<std::int32_t> layers;
  for (const StagePlan& stage : plan.stages) layers.push_back(stage.layers());
  --layers[static_cast<std::size_t>(from)];
  ++layers[static_cast<std::size_t>(to)];
  set_layers(plan, layers);
  return true;
}

bool lower_shares(Shares& shares, const std::vector<RankId>& ranks, const Fullness& full) {
  if (ranks.size() < 2) return false;
  Shares lowered = shares.empty() ? Shares(ranks.size(), static_cast<std::int32_t>(kLargestShare)) : shares;
  bool changed = false;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (full.of_rank[ranks[i].index()] <= 1 || lowered[i] == 1) continue;
    lowered[i] = std::max(1, lowered[i] * 7 / 8);
    changed = true;
  }
  if (changed) shares = lowered;
  return changed;
}

bool lower_shares(ClusterPlan& plan, const Fullness& full) {
  bool changed = plan.filter_shares_open && lower_shares(plan.filter_shares, plan.filter_group, full);
  for (StagePlan& stage : plan.stages) {
    changed = (stage.shares_open && lower_shares(stage.shares, stage.ranks, full)) || changed;
  }
  return changed;
}

}  // namespace

Shares shares_by_speed(const std::vector<double>& speeds) {
  const double fastest = *std::max_element(speeds.begin(), speeds.end());
  Shares shares;
  shares.reserve(speeds.size());
  for (const double speed : speeds) {
    shares.push_back(std::max(1, static_cast<std::int32_t>(std::lround(kLargestShare * speed / fastest))));
  }
  const bool equal = std::all_of(shares.begin(), shares.end(), [&](std::int32_t share) { return share == shares[0]; });
  return equal ? Shares{} : shares;
}

std::vector<std::int32_t> layers_by_speed(std::int32_t layers, const std::vector<double>& speeds) {
  const auto stages = static_cast<std::int32_t>(speeds.size());
  GEMRING_CHECK(stages >= 1 && layers >= stages, "{} layers, {} stages", layers, stages);
  const double sum = std::accumulate(speeds.begin(), speeds.end(), 0.0);
  std::vector<std::int32_t> counts;
  counts.reserve(speeds.size());
  for (const double speed : speeds) counts.push_back(std::max(1, static_cast<std::int32_t>(layers * speed / sum)));
  const auto lacking = [&](std::size_t i) { return layers * speeds[i] / sum - counts[i]; };
  std::int32_t given = std::accumulate(counts.begin(), counts.end(), 0);
  for (; given < layers; ++given) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < counts.size(); ++i) {
      if (lacking(i) > lacking(best) + 1e-9) best = i;
    }
    ++counts[best];
  }
  for (; given > layers; --given) {  // many slow stages took one each
    std::size_t best = counts.size();
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] > 1 && (best == counts.size() || lacking(i) < lacking(best) - 1e-9)) best = i;
    }
    --counts.at(best);
  }
  return counts;
}

void balance_by_speed(ClusterPlan& plan, const Machines& machines) {
  plan.links = machines.links();
  if (plan.filter_shares_open && !plan.filter_group.empty()) {
    plan.filter_shares = shares_by_speed(speeds_of(machines, plan.filter_group));
  }
  std::vector<double> speeds;
  std::int32_t open_layers = 0;
  for (StagePlan& stage : plan.stages) {
    const std::vector<double> own = speeds_of(machines, stage.ranks);
    if (stage.shares_open) stage.shares = shares_by_speed(own);
    if (!stage.layers_open) continue;
    speeds.push_back(std::accumulate(own.begin(), own.end(), 0.0));
    open_layers += stage.layers();
  }
  if (speeds.empty()) return;
  const std::vector<std::int32_t> open = layers_by_speed(open_layers, speeds);
  std::vector<std::int32_t> layers;
  std::size_t next = 0;
  for (const StagePlan& stage : plan.stages) layers.push_back(stage.layers_open ? open[next++] : stage.layers());
  set_layers(plan, layers);
}

ClusterPlan fit_to_memory(ClusterPlan plan, const PlanInputs& inputs, const std::vector<HostMemory>& hosts) {
  Fullness full = fullness(plan, inputs, hosts);
  for (int move = 0; move < kMostMoves && full.worst > 1; ++move) {
    bool helped = false;
    for (const bool by_layers : {true, false}) {
      ClusterPlan moved = plan;
      if (!(by_layers ? move_layer(moved, full) : lower_shares(moved, full))) continue;
      const Fullness after = fullness(moved, inputs, hosts);
      if (after.worst >= full.worst) continue;
      plan = std::move(moved);
      full = after;
      helped = true;
      break;
    }
    if (!helped) break;
  }
  return plan;
}

}  // namespace gemring
