#include "distributed/plan/recommend.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "distributed/plan/balance.h"
#include "distributed/plan/limits.h"
#include "engine/base/check.h"

namespace gemring {
namespace {

GroupSpec first_ranks(int count, int ranks) {
  if (count >= ranks) return {.symbol = GroupSpec::Symbol::all, .ranks = {}};
  if (count == 1) return {.symbol = GroupSpec::Symbol::first, .ranks = {}};
  GroupSpec group;
  for (int rank = 0; rank < count; ++rank) group.ranks.emplace_back(rank);
  return group;
}

/// 1, 2, 4, ... below `most`, and `most`.
std::vector<int> powers(int most) {
  std::vector<int> numbers;
  for (int number = 1; number < most; number *= 2) numbers.push_back(number);
  numbers.push_back(most);
  return numbers;
}

bool is_better(const PlannedRun& a, const PlannedRun& b) {
  if (a.fits != b.fits) return a.fits;
  if (!a.fits) return a.peak_bytes() < b.peak_bytes();
  return a.seconds() < b.seconds() * (1 - 1e-9);
}

bool all_fit(const PlannedRun& run, const std::vector<HostMemory>& memory) {
  const std::vector<HostNeed> needs = host_needs(run.costs, run.inputs, memory);
  return std::all_of(needs.begin(), needs.end(),
                     [](const HostNeed& need) { return need.needed_bytes <= need.available_bytes; });
}

/// Ranks on as many hosts as `ranks` of the file's kind are on.
int ranks_on_same_hosts(const SearchInputs& search, int ranks, const MachineWishes& wishes) {
  if (!wishes.ranks_per_host) return ranks;
  const Machines usual = machines_of(search.machines, ranks, {}, search.file);
  return static_cast<int>(usual.hosts.size()) * *wishes.ranks_per_host;
}

}  // namespace

std::uint64_t PlannedRun::peak_bytes() const {
  std::uint64_t most = 0;
  for (const RankCost& cost : costs) most = std::max(most, cost.total_bytes);
  return most;
}

std::vector<HostMemory> host_memory(const Machines& machines) {
  std::vector<HostMemory> memory;
  memory.reserve(machines.ranks.size());
  for (const PlacedRank& rank : machines.ranks) {
    const HostSpec& host = machines.hosts[rank.host];
    memory.push_back({fmt::format("{} (host {})", host.name, rank.host),
                      host.memory_bytes > 0 ? whole_bytes(host.memory_bytes) : kMostBytes});
  }
  return memory;
}

PlannedRun plan_run(const SearchInputs& search, const ClusterSpec& spec, int ranks, const MachineWishes& wishes) {
  PlannedRun run;
  run.spec = spec;
  run.spec.machines.reset();
  run.machines = machines_of(search.machines, ranks, wishes, search.file);
  run.plan = resolve(run.spec, ranks, search.method, search.inputs.model.layer_count());
  balance_by_speed(run.plan, run.machines);
  run.inputs = search.inputs;
  for (const PlacedRank& rank : run.machines.ranks) run.threads = std::max(run.threads, rank.threads);
  run.inputs.threads_per_rank = run.threads;
  run.ranks_per_host = wishes.ranks_per_host.value_or(search.machines.ranks_per_host);
  const std::vector<HostMemory> memory = host_memory(run.machines);
  run.costs = rank_costs(run.plan, run.inputs);
  run.fits = all_fit(run, memory);
  if (!run.fits) {
    run.plan = fit_to_memory(std::move(run.plan), run.inputs, memory);
    run.costs = rank_costs(run.plan, run.inputs);
    run.fits = all_fit(run, memory);
  }
  run.prediction = predict(run.plan, run.inputs, run.costs, run.machines, search.options);
  return run;
}

PlannedRun recommend(const SearchInputs& search, int ranks, const std::vector<MachineWishes>& wishes) {
  GEMRING_CHECK(!wishes.empty(), "nothing to choose from");
  std::optional<PlannedRun> best;
  const auto consider = [&](std::optional<PlannedRun>& among, PlannedRun run) {
    if (!among || is_better(run, *among)) among = std::move(run);
  };
  for (const MachineWishes& wish : wishes) {
    const int count = ranks_on_same_hosts(search, ranks, wish);
    const auto spec_of = [&](int filter, const GroupSpec& group, std::int32_t cut) {
      ClusterSpec spec{.name = "recommended", .filter = first_ranks(filter, count), .stages = {}, .chunk_length = 0};
      spec.stages.push_back({.group = group, .cut = cut, .layers = 0});
      return spec;
    };
    const GroupSpec all = first_ranks(count, count);
    std::optional<PlannedRun> of_wish;
    int best_filter = 1;
    const std::int32_t layers = search.inputs.model.layer_count();
    for (const int filter : powers(search.method == Method::gemfilter ? count : 1)) {
      PlannedRun run = plan_run(search, spec_of(filter, all, std::min(count, layers)), count, wish);
      if (!of_wish || is_better(run, *of_wish)) best_filter = filter;
      consider(of_wish, std::move(run));
    }
    for (const int cut : powers(std::min(count, layers))) {
      consider(of_wish, plan_run(search, spec_of(best_filter, all, cut), count, wish));
    }
    for (int some = 1; some < count; some *= 2) {  // one stage of fewer ranks: links may be too slow for more
      consider(of_wish, plan_run(search, spec_of(best_filter, first_ranks(some, count), 1), count, wish));
    }
    if (count > 1 && search.method == Method::gemfilter) {
      const GroupSpec rest{.symbol = GroupSpec::Symbol::rest, .ranks = {}};
      consider(of_wish, plan_run(search, spec_of(best_filter, rest, std::min(count - 1, layers)), count, wish));
    }
    consider(best, std::move(*of_wish));
  }
  return std::move(*best);
}

std::vector<MachineWishes> rank_and_thread_wishes(const MachinesSpec& machines) {
  std::vector<MachineWishes> wishes = {{}};
  std::int32_t cores = 0;
  for (const HostSpec& host : machines.hosts) cores = cores == 0 ? host.cores : std::min(cores, host.cores);
  if (cores == 0) return wishes;
  for (const int ranks : powers(cores)) wishes.push_back({ranks, std::max(1, cores / ranks)});
  return wishes;
}

std::string describe_shape(const PlannedRun& run) {
  std::string text;
  if (!run.plan.filter_group.empty()) {
    const std::size_t filter = run.plan.filter_group.size();
    text += fmt::format("filter on {} rank{}; ", filter, filter == 1 ? "" : "s");
  }
  const std::size_t stages = run.plan.stages.size();
  std::size_t fewest = run.plan.stages.front().ranks.size();
  std::size_t most = fewest;
  for (const StagePlan& stage : run.plan.stages) {
    fewest = std::min(fewest, stage.ranks.size());
    most = std::max(most, stage.ranks.size());
  }
  const std::string size = fewest == most ? fmt::format("{}", most) : fmt::format("{} to {}", fewest, most);
  return text + fmt::format("{} stage{} of {} rank{}", stages, stages == 1 ? "" : "s", size, most == 1 ? "" : "s");
}

}  // namespace gemring
