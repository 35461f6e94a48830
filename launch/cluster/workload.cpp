#include "launch/cluster/workload.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>

#include "distributed/comm/control.h"
#include "distributed/plan/balance.h"
#include "engine/base/format.h"
#include "engine/base/process.h"
#include "launch/cluster/cluster_file.h"
#include "launch/output/report.h"
#include "launch/prompts/prompt.h"

namespace gemring {
namespace {

void log_plan(const Job& job, const ClusterPlan& plan, const std::vector<RankCost>& costs) {
  log_lines(plan.describe());
  for (const RankId rank : plan.idle_ranks()) {
    log_warn("rank {} on {} is idle: the plan gives it no layer and no part of the filter", rank.value(),
             job.hosts.at(rank.index()));
  }
  for (const RankCost& cost : costs) {
    log_info("rank {} on {} will need {} MiB, {} MiB of them weights", cost.rank.value(),
             job.hosts.at(cost.rank.index()), grouped(cost.total_bytes >> 20), grouped(cost.weights_bytes >> 20));
  }
}

}  // namespace

Workload workload_of(Method method, const FilterProfile& filter, std::int32_t prompt_tokens,
                     const ResolvedSelection& selection, std::int32_t new_tokens) {
  Workload workload;
  workload.method = method;
  workload.filter = filter;
  workload.prompt_tokens = prompt_tokens;
  workload.keep = method == Method::gemfilter ? selection.keep : 0;
  workload.new_tokens = new_tokens;
  return workload;
}

std::optional<ClusterSpec> agree_on_cluster(const Job& job, const RunOptions& options) {
  if (!options.cluster_file) return std::nullopt;
  std::string file;
  agreed_on_first(job, [&] { file = read_cluster_file(*options.cluster_file); });
  broadcast_control(job.world, file, 0);
  std::optional<ClusterSpec> spec;
  agreed(job, [&] { spec = parse_cluster(file, *options.cluster_file); });
  return spec;
}

ClusterPlan agree_on_plan(const Job& job, const RunOptions& options, Method method, std::int32_t layers, int ranks) {
  const std::optional<ClusterSpec> spec = agree_on_cluster(job, options);
  ClusterPlan plan;
  agreed(job, [&] { plan = spec ? resolve(*spec, ranks, method, layers) : default_plan(ranks, method, layers); });
  return plan;
}

PlanInputs plan_inputs(const RunOptions& options, const RunModels& models, const Workload& workload,
                       std::int32_t threads_per_rank) {
  const OpenModel& model = models.answer;
  PlanInputs inputs;
  inputs.model = model.config;
  inputs.tensors = model.weights->tensors();
  inputs.weights_shared = model.from_files;
  if (!models.are_one()) {
    inputs.filter_model = {models.filter.config, models.filter.weights->tensors(), models.filter.from_files};
  }
  inputs.prompt_tokens = workload.prompt_tokens;
  inputs.keep = workload.keep;
  inputs.max_new_tokens = workload.new_tokens;
  inputs.filter_layer = workload.filter.filter_layer();
  inputs.scoring_columns = workload.filter.columns();
  inputs.scoring_layers = workload.filter.scoring_layers();
  inputs.scoring_queries = workload.filter.queries;
  inputs.window = {workload.filter.window, workload.filter.sinks, kFilterChunk};
  inputs.logit_rows = workload.logit_rows;
  inputs.requests = workload.requests;
  inputs.parallel = workload.parallel;
  inputs.index_bytes = workload.index_bytes;
  inputs.compute = active_compute();
  inputs.kv_type = cache_type(options);
  inputs.message_type = options.message_type;
  inputs.ring_variant = options.ring;
  inputs.threads_per_rank = threads_per_rank;
  return inputs;
}

std::vector<RankCost> workload_costs(const ClusterPlan& plan, const PlanInputs& inputs, const Workload& workload) {
  std::vector<RankCost> costs = rank_costs(plan, inputs);
  costs.at(0).total_bytes += workload.held_bytes;
  if (workload.logit_rows <= 1) return costs;
  const auto rows = static_cast<std::uint64_t>(workload.logit_rows);
  const std::uint64_t bytes = rows * static_cast<std::uint64_t>(inputs.model.vocab) * sizeof(float);
  const RankId last = plan.stages.back().ranks.front();
  costs.at(last.index()).total_bytes += bytes;
  if (last != RankId(0)) costs.at(0).total_bytes += bytes;
  return costs;
}

std::vector<HostMemory> gather_memory(const Job& job) {
  std::vector<HostMemory> hosts;
  const std::uint64_t available = available_memory_bytes();
  for (const std::uint64_t bytes : all_gather_control(job.world, available)) {
    hosts.push_back({job.hosts[hosts.size()], bytes});
  }
  return hosts;
}

PlannedSession plan_session(const Job& job, const RunOptions& options, const RunModels& models,
                            const Workload& workload) {
  const std::int32_t layers = models.answer.config.layer_count();
  return plan_session(job, options, models, workload,
                      agree_on_plan(job, options, workload.method, layers, job.world.size()));
}

PlannedSession plan_session(const Job& job, const RunOptions& options, const RunModels& models,
                            const Workload& workload, ClusterPlan plan) {
  PlannedSession planned;
  planned.plan = std::move(plan);
  const std::vector<std::int32_t> threads = all_gather_control(job.world, std::int32_t{omp_get_max_threads()});
  planned.inputs = plan_inputs(options, models, workload, *std::max_element(threads.begin(), threads.end()));
  planned.filter = workload.filter;
  planned.memory = gather_memory(job);
  agreed(job, [&] {
    if (!planned.plan.links.hosts.empty())  // machines are described
      planned.plan = fit_to_memory(std::move(planned.plan), planned.inputs, planned.memory);
    else
      planned.plan.links.hosts = host_numbers(job.hosts);  // messages between hosts cost more, measured or not
    const std::vector<RankCost> costs = workload_costs(planned.plan, planned.inputs, workload);
    if (job.first()) log_plan(job, planned.plan, costs);
    check_memory(costs, planned.inputs, planned.memory);
  });
  planned.compute.kv_type = planned.inputs.kv_type;
  planned.compute.index_bytes = planned.inputs.index_bytes;
  planned.compute.ring.variant = options.ring;
  planned.compute.ring.message_type = planned.inputs.message_type;
  job.world.set_overlap(options.overlap);
  return planned;
}

std::unique_ptr<Session> open_session(const Job& job, const RunModels& models, const PlannedSession& planned) {
  const SessionModels checkpoints({models.answer.config, *models.answer.weights},
                                  {models.filter.config, *models.filter.weights});
  return std::make_unique<Session>(job.world, checkpoints, planned.plan, planned.filter, planned.compute);
}

std::unique_ptr<Session> start_session(const Job& job, const RunOptions& options, const RunModels& models,
                                       const Workload& workload) {
  return open_session(job, models, plan_session(job, options, models, workload));
}

}  // namespace gemring
