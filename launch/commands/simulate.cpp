#include <fmt/format.h>

#include <algorithm>

#include "distributed/plan/limits.h"
#include "engine/base/error.h"
#include "launch/cluster/plan_report.h"
#include "launch/cluster/planning.h"
#include "launch/commands/commands.h"
#include "launch/output/bench_output.h"
#include "launch/prompts/filter_choice.h"
#include "launch/prompts/model.h"

namespace gemring {
namespace {

/// A, the powers of two between, B.
std::vector<int> counts_of(const RankRange& range) {
  std::vector<int> counts = {range.first};
  for (int power = 1; power < range.last; power *= 2) {
    if (power > range.first) counts.push_back(power);
  }
  if (range.last > range.first) counts.push_back(range.last);
  return counts;
}

/// The file's groups, where it has any; else the fastest plan that fits on as many ranks.
PlannedRun run_on(const SearchInputs& search, const ClusterSpec& spec, int ranks, const MachineWishes& wishes) {
  if (spec.filter || !spec.stages.empty()) return plan_run(search, spec, ranks, wishes);
  MachineWishes same_ranks = wishes;
  if (!same_ranks.ranks_per_host) return recommend(search, ranks, {same_ranks});
  PlannedRun best = recommend(search, ranks, {same_ranks});
  // Hosts that are not full: recommend() fills them, this count does not.
  return best.plan.ranks == ranks ? best : plan_run(search, best.spec, ranks, wishes);
}

}  // namespace

int run_simulate(const Job& job, const Options& options) {
  BenchOutput output(options.output.json_file);
  agreed_on_first(job, [&] { output.require_writable(); });
  const OpenModels opened = open_models(job, options);
  const RunModels models = opened.all();
  const FilterProfile filter = agree_on_filter(job, options, models.filter);
  const std::optional<ClusterSpec> spec = agree_on_cluster(job, options.run);
  agreed_on_first(job, [&] {
    if (!spec->machines) {
      throw ConfigError(
          {spec->name, "describes no machines, so there are no seconds to simulate",
           fmt::format("add them: gemring plan --probe --cluster {} --output FILE", *options.run.cluster_file)});
    }
    const RankRange range = parse_rank_range(options.simulate.ranks);
    const std::int32_t tokens = planned_tokens(options, models);
    const std::int32_t positions = options.filter.method == Method::full
                                       ? models.answer.config.max_positions
                                       : filter_positions(models.filter.config, filter);
    bool warned = false;
    for (const Scaling scaling : {Scaling::strong, Scaling::weak}) {
      if (options.simulate.scaling != Scaling::both && options.simulate.scaling != scaling) continue;
      std::vector<SimulatedRun> runs;
      for (const int ranks : counts_of(range)) {
        const std::int64_t length =
            scaling == Scaling::weak ? std::int64_t{tokens} * ranks / range.first : std::int64_t{tokens};
        if (scaling == Scaling::weak && length > positions && !options.run.allow_extrapolation) {
          log_warn(
              "weak scaling ends before {} ranks: {} tokens are beyond the model's {} positions; "
              "--allow-extrapolation goes on",
              ranks, length, positions);
          break;
        }
        if (length + options.generate.max_new_tokens > kMostTokens) {
          log_warn("weak scaling ends before {} ranks: {} tokens are more than any plan is made for", ranks, length);
          break;
        }
        const Workload workload = workload_of(options, models, filter, static_cast<std::int32_t>(length));
        const std::optional<SearchInputs> search = search_inputs(options, models, workload, spec);
        if (!warned) warn_of_gaps(*search, range.last, wishes_of(options));
        warned = true;
        runs.push_back(
            {scaling == Scaling::weak ? "weak" : "strong", run_on(*search, *spec, ranks, wishes_of(options)), 1, 1});
      }
      compare_with_first(runs);
      output.add(simulation_table(runs), simulation_lines(runs));
    }
    output.finish();
  });
  return 0;
}

}  // namespace gemring
