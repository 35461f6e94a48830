#include "distributed/plan/cluster_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "distributed/plan/balance.h"
#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/log.h"

namespace gemring {
namespace {

bool contains(const std::vector<RankId>& ranks, RankId rank) {
  return std::find(ranks.begin(), ranks.end(), rank) != ranks.end();
}

std::string names(const std::vector<RankId>& ranks) {
  std::vector<std::int32_t> numbers;
  numbers.reserve(ranks.size());
  for (const RankId rank : ranks) numbers.push_back(rank.value());
  return fmt::format("{} {}", ranks.size() == 1 ? "rank" : "ranks", fmt::join(numbers, " "));
}

std::vector<RankId> rank_interval(int begin, int end) {
  std::vector<RankId> ranks;
  for (int rank = begin; rank < end; ++rank) ranks.emplace_back(rank);
  return ranks;
}

ZigzagShards shards_of(PositionRange range, const std::vector<RankId>& group, const Shares& shares) {
  if (shares.empty()) return {range, static_cast<int>(group.size())};
  GEMRING_CHECK(shares.size() == group.size(), "{} shares of {} ranks", shares.size(), group.size());
  return {range, shares};
}

/// ", shares 3 1"; nothing for equal ones.
std::string shares_text(const Shares& shares) {
  return shares.empty() ? "" : fmt::format(", shares {}", fmt::join(shares, " "));
}

/// 14 layers over 4 stages: 4 4 3 3.
std::int32_t equal_share(std::int32_t total, std::int32_t parts, std::int32_t part) {
  return total / parts + (part < total % parts ? 1 : 0);
}

/// Stages of one rank each, for the ranks from `first` on; those beyond the number of layers stay idle.
std::vector<StagePlan> one_rank_stages(int first, int ranks, std::int32_t layers) {
  const int count = std::min(ranks - first, layers);
  std::vector<StagePlan> stages;
  LayerIndex layer(0);
  for (int stage = 0; stage < count; ++stage) {
    const LayerIndex end = layer + equal_share(layers, count, stage);
    stages.push_back({.first_layer = layer,
                      .end_layer = end,
                      .ranks = {RankId(first + stage)},
                      .layers_open = true,
                      .shares_open = true});
    layer = end;
  }
  return stages;
}

/// Turns one cluster file into a plan; its members are what every error names.
class Resolver {
 public:
  Resolver(const ClusterSpec& spec, int ranks, std::int32_t layers) : spec_(spec), ranks_(ranks), layers_(layers) {}

  void filter(ClusterPlan& plan) const {
    std::vector<RankId> group = expand(*spec_.filter, "filter");
    if (group.front() != RankId(0)) {
      fail("filter", fmt::format("begins with rank {}", group.front().value()),
           "rank 0 owns the filter: put it first in the group");
    }
    plan.filter_shares = shares(*spec_.filter, group.size(), "filter");
    plan.filter_shares_open = plan.filter_shares.empty();
    plan.filter_group = std::move(group);
  }

  std::vector<StagePlan> stages() {
    for (std::size_t entry = 0; entry < spec_.stages.size(); ++entry) cut(entry);
    share_layers();
    return std::move(stages_);
  }

 private:
  [[noreturn]] void fail(const std::string& group, const std::string& problem, const std::string& advice) const {
    throw ConfigError({.where = group.empty() ? spec_.name : fmt::format("{}: {}", spec_.name, group),
                       .problem = problem,
                       .advice = advice});
  }

  std::vector<RankId> expand(const GroupSpec& group, const std::string& name) const {
    switch (group.symbol) {
      case GroupSpec::Symbol::first:
        return {RankId(0)};
      case GroupSpec::Symbol::rest:
        return ranks_ == 1 ? rank_interval(0, 1) : rank_interval(1, ranks_);
      case GroupSpec::Symbol::all:
        return rank_interval(0, ranks_);
      case GroupSpec::Symbol::none:
        break;
    }
    if (group.ranks.empty()) fail(name, "names no rank", "give rank numbers, or one of the symbols first, rest, all");
    for (auto rank = group.ranks.begin(); rank != group.ranks.end(); ++rank) {
      if (rank->value() < 0 || rank->value() >= ranks_) {
        const std::string started = ranks_ == 1 ? "1 rank (0)" : fmt::format("{} ranks (0..{})", ranks_, ranks_ - 1);
        fail(name, fmt::format("names rank {}, mpirun started {}", rank->value(), started),
             "start more ranks (mpirun -n), or name only ranks that are there");
      }
      if (std::find(group.ranks.begin(), rank, *rank) != rank) {
        fail(name, fmt::format("names rank {} twice", rank->value()), "a group names each of its ranks once");
      }
    }
    return group.ranks;
  }

  Shares shares(const GroupSpec& group, std::size_t ranks, const std::string& name) const {
    if (group.shares.empty()) return {};
    if (group.shares.size() != ranks) {
      fail(name, fmt::format("gives {} shares to {} rank{}", group.shares.size(), ranks, ranks == 1 ? "" : "s"),
           "give one share for each rank of the group, or none for equal ones");
    }
    std::int64_t sum = 0;
    for (const std::int32_t share : group.shares) {
      if (share < 1) fail(name, fmt::format("has a share of {}", share), "shares are whole numbers from 1 on");
      sum += share;
    }
    if (sum > kMostShares) fail(name, fmt::format("has shares of {} in all", sum), "divide them by a common number");
    return group.shares;
  }

  void cut(std::size_t entry) {
    const StageSpec& stage = spec_.stages[entry];
    const std::string name = fmt::format("stages[{}]", entry);
    const std::vector<RankId> group = expand(stage.group, name);
    const auto size = static_cast<std::int32_t>(group.size());
    if (stage.cut < 0)
      fail(name, fmt::format("has cut {}", stage.cut), "cut is the number of stages, or 0 for one per rank");
    if (stage.layers < 0) fail(name, fmt::format("has layers {}", stage.layers), "give 0 for an equal share");
    if (stage.cut > size && stage.group.symbol == GroupSpec::Symbol::none) {
      fail(name, fmt::format("cuts {} rank{} into {} stages", size, size == 1 ? "" : "s", stage.cut),
           "a stage needs at least one rank: lower cut or name more ranks");
    }
    const std::int32_t count = stage.cut == 0 ? size : std::min(stage.cut, size);
    const Shares shares = this->shares(stage.group, group.size(), name);
    std::int32_t next = 0;
    for (std::int32_t part = 0; part < count; ++part) {
      const std::int32_t end = next + equal_share(size, count, part);
      add({group.begin() + next, group.begin() + end}, stage.layers, name);
      stages_.back().shares_open = shares.empty();
      if (!shares.empty()) stages_.back().shares = {shares.begin() + next, shares.begin() + end};
      next = end;
    }
  }

  void add(std::vector<RankId> ranks, std::int32_t layers, const std::string& name) {
    for (std::size_t other = 0; other < stages_.size(); ++other) {
      for (const RankId rank : ranks) {
        if (!contains(stages_[other].ranks, rank)) continue;
        fail(name,
             fmt::format("puts rank {} into stage {}, but it is in stage {} already", rank.value(), stages_.size(),
                         other),
             "a rank belongs to one stage at most");
      }
    }
    stages_.push_back({.first_layer = LayerIndex(0), .end_layer = LayerIndex(0), .ranks = std::move(ranks)});
    asked_.push_back(layers);
  }

  void share_layers() {
    std::int64_t fixed = 0;
    std::int32_t open = 0;  // stages that take an equal share of what is left
    for (const std::int32_t layers : asked_) {
      fixed += layers;
      open += layers == 0 ? 1 : 0;
    }
    const std::int64_t left = layers_ - fixed;
    if (static_cast<std::int64_t>(stages_.size()) > layers_) {
      fail("", fmt::format("makes {} stages of a model with {} layers", stages_.size(), layers_),
           "use fewer ranks, or a smaller cut so that ranks share a stage");
    }
    if (left < open || (open == 0 && left != 0)) {
      fail("",
           fmt::format("gives {} layers to {} of its {} stages, the model has {}", fixed, stages_.size() - open,
                       stages_.size(), layers_),
           "make the layers of all stages add up to the model's, or leave some stages at 0 for the rest");
    }
    LayerIndex layer(0);
    std::int32_t part = 0;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      const std::int32_t layers =
          asked_[i] != 0 ? asked_[i] : equal_share(static_cast<std::int32_t>(left), open, part++);
      stages_[i].layers_open = asked_[i] == 0;
      stages_[i].first_layer = layer;
      layer = stages_[i].end_layer = layer + layers;
    }
  }

  const ClusterSpec& spec_;
  int ranks_;
  std::int32_t layers_;
  std::vector<StagePlan> stages_;
  std::vector<std::int32_t> asked_;  // layers of each stage as the file says
};

}  // namespace

std::vector<RankId> ClusterPlan::idle_ranks() const {
  std::vector<RankId> idle;
  for (const RankId rank : rank_interval(0, ranks)) {
    if (!filters(rank) && !stage_of(rank)) idle.push_back(rank);
  }
  return idle;
}

std::optional<std::size_t> ClusterPlan::stage_of(RankId rank) const {
  for (std::size_t stage = 0; stage < stages.size(); ++stage) {
    if (contains(stages[stage].ranks, rank)) return stage;
  }
  return std::nullopt;
}

bool ClusterPlan::filters(RankId rank) const {
  return contains(filter_group, rank);
}

std::vector<PositionRange> ClusterPlan::chunks(std::int32_t n) const {
  GEMRING_CHECK(n >= 0 && !stages.empty(), "{} positions, {} stages", n, stages.size());
  if (n == 0) return {};
  const bool single = stages.size() == 1;
  if (single && stages.front().ranks.size() > 1) return {{GlobalPosition(0), GlobalPosition(n)}};
  std::int32_t length = chunk_length;
  if (length == 0 && single) length = 2048;
  if (length == 0) {
    const auto quarters = 4 * static_cast<std::int64_t>(stages.size());
    length = static_cast<std::int32_t>(std::clamp<std::int64_t>((n + quarters - 1) / quarters, 128, 1024));
  }
  std::vector<PositionRange> chunks;
  for (std::int32_t begin = 0; begin < n; begin += std::min(length, n - begin)) {
    chunks.push_back({GlobalPosition(begin), GlobalPosition(begin + std::min(length, n - begin))});
  }
  return chunks;
}

GroupLinks ClusterPlan::group_links(const std::vector<RankId>& group) const {
  GroupLinks some = links;
  if (links.hosts.empty()) return some;
  some.hosts.clear();
  for (const RankId rank : group) some.hosts.push_back(links.hosts.at(rank.index()));
  return some;
}

ZigzagShards ClusterPlan::filter_shards(std::int32_t n) const {
  return shards_of({GlobalPosition(0), GlobalPosition(n)}, filter_group, filter_shares);
}

ChunkDeal ClusterPlan::filter_deal(std::int32_t n, std::int32_t chunk) const {
  return {n, chunk, filter_shares.empty() ? Shares(filter_group.size(), 1) : filter_shares};
}

std::vector<ZigzagShards> ClusterPlan::stage_shards(std::size_t stage, std::int32_t n) const {
  std::vector<ZigzagShards> shards;
  for (const PositionRange& chunk : chunks(n)) {
    shards.push_back(shards_of(chunk, stages.at(stage).ranks, stages[stage].shares));
  }
  return shards;
}

std::string ClusterPlan::describe() const {
  std::string text = fmt::format("plan for {} rank{}, {} layers, method {}\n", ranks, ranks == 1 ? "" : "s", layers,
                                 method == Method::full ? "full" : "gemfilter");
  if (!filter_group.empty()) {
    text += fmt::format("  filter             {}{}\n", names(filter_group), shares_text(filter_shares));
  }
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const StagePlan& stage = stages[i];
    text += fmt::format("  stage {:<3} {:<9}{}{}\n", i,
                        fmt::format("{}..{}", stage.first_layer.value(), stage.end_layer.value() - 1),
                        names(stage.ranks), shares_text(stage.shares));
  }
  if (const auto idle = idle_ranks(); !idle.empty()) text += fmt::format("  idle               {}\n", names(idle));
  if (stages.size() == 1 && stages.front().ranks.size() > 1) {
    return text + "  chunks             one, the whole prompt\n";
  }
  return text + fmt::format("  chunks             {}\n",
                            chunk_length == 0 ? "by the prompt's length" : fmt::format("{} tokens", chunk_length));
}

ClusterPlan default_plan(int ranks, Method method, std::int32_t layers) {
  GEMRING_CHECK(ranks >= 1 && layers >= 1, "{} ranks, {} layers", ranks, layers);
  ClusterPlan plan{.ranks = ranks, .method = method, .layers = layers, .filter_group = {}, .stages = {}};
  if (method == Method::gemfilter) plan.filter_group = {RankId(0)};
  plan.stages = one_rank_stages(method == Method::gemfilter && ranks > 1 ? 1 : 0, ranks, layers);
  return plan;
}

ClusterPlan resolve(const ClusterSpec& spec, int ranks, Method method, std::int32_t layers) {
  ClusterPlan plan = default_plan(ranks, method, layers);
  Resolver resolver(spec, ranks, layers);
  if (spec.chunk_length < 0) {
    throw ConfigError({spec.name, fmt::format("has chunk_length {}", spec.chunk_length),
                       "give the tokens of a pipeline chunk, or 0 to have it chosen"});
  }
  if (method == Method::gemfilter && spec.filter) resolver.filter(plan);
  if (!spec.stages.empty()) plan.stages = resolver.stages();
  plan.chunk_length = spec.chunk_length;
  if (spec.machines) balance_by_speed(plan, machines_of(*spec.machines, ranks, {}, spec.name));
  if (plan.chunk_length > 0 && plan.stages.size() == 1 && plan.stages.front().ranks.size() > 1) {
    log_info("{}: chunk_length {} has no effect, the ranks of a single stage share the whole prompt at once", spec.name,
             plan.chunk_length);
  }
  return plan;
}

}  // namespace gemring
