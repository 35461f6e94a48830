#include <fmt/format.h>

#include <algorithm>

#include "distributed/plan/balance.h"
#include "distributed/plan/limits.h"
#include "distributed/plan/prediction_report.h"
#include "engine/base/format.h"
#include "launch/cluster/plan_report.h"
#include "launch/cluster/planning.h"
#include "launch/commands/commands.h"
#include "launch/output/bench_output.h"
#include "launch/prompts/filter_choice.h"
#include "launch/prompts/model.h"
#include "launch/start/pinning.h"
#include "launch/start/placement.h"
#include "launch/start/start_up.h"

namespace gemring {
namespace {

/// The job's machines; with --ranks those of the cluster file, or as many like this one, each for one rank.
std::vector<HostMemory> memory_of(const std::vector<HostMemory>& gathered, const PlanOptions& plan, int ranks,
                                  const std::optional<PlannedRun>& on_machines) {
  if (!plan.ranks && !plan.memory_gib && !plan.ranks_per_host && gathered.size() == static_cast<std::size_t>(ranks)) {
    return gathered;
  }
  if (on_machines && !plan.memory_gib) return host_memory(on_machines->machines);
  const std::uint64_t here = gathered.front().available_bytes;
  std::vector<HostMemory> memory;
  memory.reserve(static_cast<std::size_t>(ranks));
  for (int rank = 0; rank < ranks; ++rank) {
    memory.push_back({fmt::format("the machine of rank {}", rank),
                      plan.memory_gib ? whole_bytes(*plan.memory_gib * (1 << 30)) : here});
  }
  return memory;
}

std::string recommendation_text(const PlannedRun& best, const PlannedRun& asked) {
  std::string text = fmt::format("recommended: {}, {} rank{} per host, {} thread{} each: first token {}, whole {}\n",
                                 describe_shape(best), best.ranks_per_host, best.ranks_per_host == 1 ? "" : "s",
                                 best.threads, best.threads == 1 ? "" : "s",
                                 seconds_text(best.prediction.first_token()), seconds_text(best.seconds()));
  if (!best.fits) text += "  no plan tried fits into the hosts' memory: this one needs the least\n";
  if (best.seconds() > asked.seconds() * 0.99 && asked.fits) {
    return text + "  the plan above is as fast\n";
  }
  return text + fmt::format(
                    "  mpirun -n {} --map-by ppr:{}:node --bind-to none gemring ... --threads {} --cluster FILE\n"
                    "  FILE: {}\n",
                    best.plan.ranks, best.ranks_per_host, best.threads, groups_json(best.spec));
}

/// What is printed of a plan but its seconds.
std::string plan_text(const PlannedRun& run) {
  const std::int32_t kept = run.inputs.pass_tokens(run.plan.method);
  const bool filtered = run.inputs.filters(run.plan.method);
  return fmt::format("{}  prompt             {} tokens{}, {} new ones\n{}", run.plan.describe(),
                     grouped(static_cast<std::uint64_t>(run.inputs.prompt_tokens)),
                     filtered ? fmt::format(", {} kept", grouped(static_cast<std::uint64_t>(kept))) : "",
                     run.inputs.max_new_tokens, describe(run.costs));
}

/// The plan of the file's groups, with what this machine would compute in where no machines are described.
PlannedRun plan_here(const Job& job, const Options& options, const RunModels& models, const Workload& workload,
                     const std::optional<ClusterSpec>& spec, int ranks) {
  use_kernels({detected_isa()}, {job.host()}, options.run, prefers_bf16(options.run));
  const ThreadWishes wishes{options.run.threads, options.run.omp_threads};
  const Placement placement = place({look_at_cores(job.environment)}, wishes).front();  // as if alone on the machine
  PlannedRun run;
  run.spec = groups_of(spec);
  run.threads = placement.threads;
  run.inputs = plan_inputs(options.run, models, workload, placement.threads);
  run.plan = resolve(run.spec, ranks, workload.method, models.answer.config.layer_count());
  return run;
}

}  // namespace

int run_plan(const Job& job, const Options& options) {
  if (options.plan.probe) return run_plan_probe(job, options);
  BenchOutput output(options.output.json_file);
  agreed_on_first(job, [&] { output.require_writable(); });
  const OpenModels opened = open_models(job, options);
  const RunModels models = opened.all();
  const FilterProfile filter = agree_on_filter(job, options, models.filter);
  const int ranks = options.plan.ranks.value_or(job.world.size());
  const std::optional<ClusterSpec> spec = agree_on_cluster(job, options.run);
  const std::vector<HostMemory> gathered = gather_memory(job);
  agreed_on_first(job, [&] {
    const Workload workload = workload_of(options, models, filter, planned_tokens(options, models));
    PlannedRun run = plan_here(job, options, models, workload, spec, ranks);
    const std::optional<SearchInputs> search = search_inputs(options, models, workload, spec);
    std::optional<PlannedRun> predicted, best;
    if (search) {
      warn_of_gaps(*search, ranks, wishes_of(options));
      predicted = plan_run(*search, groups_of(spec), ranks, wishes_of(options));
      auto wishes = rank_and_thread_wishes(search->machines);
      if (options.plan.ranks_per_host || options.run.threads) wishes = {wishes_of(options)};
      best = recommend(*search, ranks, wishes);
      run = *predicted;
    }
    const std::vector<HostMemory> memory = memory_of(gathered, options.plan, ranks, predicted);
    if (!search) run.costs = workload_costs(run.plan, run.inputs, workload);
    std::string text = plan_text(run);
    if (predicted) {
      text += describe_prediction(*predicted) + recommendation_text(*best, *predicted);
    } else {
      text +=
          "no seconds: they need machines in a cluster file; gemring plan --probe --output FILE measures these ones\n";
    }
    output.add(text, plan_json(run, predicted.has_value(), best));
    output.finish();
    check_memory(run.costs, run.inputs, memory);
  });
  return 0;
}

}  // namespace gemring
