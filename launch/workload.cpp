#include "launch/workload.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <sstream>

#include "distributed/comm/control.h"
#include "engine/base/format.h"
#include "engine/base/process.h"
#include "launch/cluster_file.h"

namespace gemring {
namespace {

void log_lines(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) log_info("{}", line);
}

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

ClusterPlan agree_on_plan(const Job& job, const RunOptions& options, Method method, std::int32_t layers, int ranks) {
  ClusterPlan plan;
  std::string file;
  agreed_on_first(job, [&] {
    if (options.cluster_file) file = read_cluster_file(*options.cluster_file);
  });
  broadcast_control(job.world, file, 0);
  agreed(job, [&] {
    plan = options.cluster_file ? resolve(parse_cluster(file, *options.cluster_file), ranks, method, layers)
                                : default_plan(ranks, method, layers);
  });
  return plan;
}

PlanInputs plan_inputs(const RunOptions& options, const OpenModel& model, const Workload& workload,
                       std::int32_t threads_per_rank) {
  PlanInputs inputs;
  inputs.model = model.config;
  inputs.tensors = model.weights->tensors();
  inputs.weights_shared = model.from_files;
  inputs.prompt_tokens = workload.prompt_tokens;
  inputs.keep = workload.keep;
  inputs.max_new_tokens = workload.new_tokens;
  inputs.filter_layer = workload.filter_layer;
  inputs.logit_rows = workload.logit_rows;
  inputs.requests = workload.requests;
  inputs.compute = active_compute();
  inputs.kv_type = cache_type(options);
  inputs.message_type = options.message_type;
  inputs.threads_per_rank = threads_per_rank;
  return inputs;
}

std::vector<RankCost> workload_costs(const ClusterPlan& plan, const PlanInputs& inputs, const Workload& workload) {
  std::vector<RankCost> costs = rank_costs(plan, inputs);
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

std::unique_ptr<Session> start_session(const Job& job, const RunOptions& options, const OpenModel& model,
                                       const Workload& workload) {
  const ClusterPlan plan = agree_on_plan(job, options, workload.method, model.config.layers, job.world.size());
  const std::vector<std::int32_t> threads = all_gather_control(job.world, std::int32_t{omp_get_max_threads()});
  const PlanInputs inputs = plan_inputs(options, model, workload, *std::max_element(threads.begin(), threads.end()));
  const std::vector<HostMemory> memory = gather_memory(job);
  agreed(job, [&] {
    const std::vector<RankCost> costs = workload_costs(plan, inputs, workload);
    if (job.first()) log_plan(job, plan, costs);
    check_memory(costs, inputs, memory);
  });
  return std::make_unique<Session>(job.world, model.config, *model.weights, plan, workload.filter_layer,
                                   ComputeOptions{inputs.kv_type, inputs.message_type});
}

}  // namespace gemring
