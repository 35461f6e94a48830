#include <fmt/format.h>

#include <algorithm>

#include "engine/base/format.h"
#include "launch/commands/commands.h"
#include "launch/model.h"
#include "launch/placement.h"
#include "launch/prompt.h"
#include "launch/start_up.h"
#include "launch/text_output.h"
#include "launch/workload.h"

namespace gemring {
namespace {

/// The request the plan is for; refuses what the model's positions cannot hold.
Workload workload_of(const Options& options, const ModelConfig& config, LayerIndex filter_layer) {
  constexpr std::int32_t kUsualTokens = 16384;
  const std::int32_t room = std::max(config.max_positions - options.generate.max_new_tokens, 1);
  Workload workload;
  workload.method = options.filter.method;
  workload.filter_layer = filter_layer;
  workload.prompt_tokens = options.plan.tokens.value_or(std::min(room, kUsualTokens));
  workload.new_tokens = options.generate.max_new_tokens;
  ResolvedSelection selection;
  if (workload.method == Method::gemfilter) {
    selection = resolve(options.filter.selection, workload.prompt_tokens, std::nullopt);
    workload.keep = selection.keep;
  }
  check_length(workload.prompt_tokens, options.filter, selection, workload.new_tokens, config.max_positions,
               options.run.allow_extrapolation);
  return workload;
}

/// The job's machines; with --ranks as many like this one, each for one rank.
std::vector<HostMemory> machines(const Job& job, const PlanOptions& plan, int ranks) {
  std::vector<HostMemory> memory = gather_memory(job);
  const std::uint64_t here = memory.front().available_bytes;
  if (plan.ranks || plan.memory_gib) memory.clear();
  for (int rank = static_cast<int>(memory.size()); rank < ranks; ++rank) {
    memory.push_back({fmt::format("the machine of rank {}", rank),
                      plan.memory_gib ? static_cast<std::uint64_t>(*plan.memory_gib * (1 << 30)) : here});
  }
  return memory;
}

}  // namespace

int run_plan(const Job& job, const Options& options) {
  const OpenModel model = open_model(job, options);
  const LayerIndex filter_layer = agree_on_filter_layer(job, options, model.config);
  const int ranks = options.plan.ranks.value_or(job.world.size());
  const ClusterPlan plan = agree_on_plan(job, options.run, options.filter.method, model.config.layers, ranks);
  const std::vector<HostMemory> memory = machines(job, options.plan, ranks);
  agreed_on_first(job, [&] {
    use_kernels({detected_isa()}, {job.host()}, options.run, prefers_bf16(options.run));
    const Workload workload = workload_of(options, model.config, filter_layer);
    const ThreadWishes wishes{options.run.threads, options.run.omp_threads};
    const Placement placement = place({look_at_cores(job.environment)}, wishes).front();  // as if alone on the machine
    const PlanInputs inputs = plan_inputs(options.run, model, workload, placement.threads);
    const std::vector<RankCost> costs = workload_costs(plan, inputs, workload);
    const bool filtered = workload.method == Method::gemfilter && workload.prompt_tokens > workload.keep;
    write_result(
        fmt::format("{}  prompt             {} tokens{}, {} new ones\n{}", plan.describe(),
                    grouped(static_cast<std::uint64_t>(workload.prompt_tokens)),
                    filtered ? fmt::format(", {} kept", grouped(static_cast<std::uint64_t>(workload.keep))) : "",
                    workload.new_tokens, describe(costs)));
    check_memory(costs, inputs, memory);
  });
  return 0;
}

}  // namespace gemring
