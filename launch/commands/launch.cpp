#include <fmt/format.h>

#include <filesystem>

#include "distributed/plan/limits.h"
#include "engine/base/format.h"
#include "engine/base/output_file.h"
#include "engine/base/process.h"
#include "launch/cluster/cluster_file.h"
#include "launch/cluster/job_files/job_file.h"
#include "launch/cluster/planning.h"
#include "launch/cluster/workload.h"
#include "launch/commands/commands.h"
#include "launch/prompts/filter_choice.h"
#include "launch/prompts/model.h"
#include "launch/start/placement.h"
#include "launch/start/start_up.h"
#include "launch/start/topology.h"

namespace gemring {
namespace {

NodeShape node_of(const JobOptions& options) {
  NodeShape node;
  const Topology machine = Topology::of_this_machine();
  node.cores =
      options.cores_per_node.value_or(static_cast<std::int32_t>(machine.physical_cores(allowed_cores()).size()));
  node.numa = options.numa_per_node.value_or(options.cores_per_node ? 1 : machine.numa_nodes());
  node.source = options.cores_per_node ? "--cores-per-node" : "as the machine has where this was written";
  if (options.memory_per_node_gib) {
    node.memory_bytes = whole_bytes(*options.memory_per_node_gib * (1 << 30));
  }
  return node;
}

std::string this_program() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "gemring" : path.string();
}

/// What the file says of the request.
std::string request_sentence(const Options& options, const Workload& workload) {
  const bool filtered = workload.method == Method::gemfilter && workload.prompt_tokens > workload.keep;
  return fmt::format("Planned for a prompt of {} tokens{}{}, {} new ones.",
                     grouped(static_cast<std::uint64_t>(workload.prompt_tokens)),
                     options.plan.tokens ? " (--tokens)" : " (a guess: --tokens says it)",
                     filtered ? fmt::format(", {} kept", grouped(static_cast<std::uint64_t>(workload.keep))) : "",
                     workload.new_tokens);
}

}  // namespace

int run_launch(const Job& job, const Options& options) {
  const OpenModels opened = open_models(job, options);
  const RunModels models = opened.all();
  const FilterProfile filter = agree_on_filter(job, options, models.filter);
  agreed_on_first(job, [&] {
    if (options.job.output_file) require_writable(*options.job.output_file, "--output");
    use_kernels({detected_isa()}, {job.host()}, options.run, prefers_bf16(options.run));
    const Workload workload = workload_of(options, models, filter, planned_tokens(options, models));
    const std::optional<std::string>& cluster = options.run.cluster_file;
    const std::string file = cluster ? read_cluster_file(*cluster) : "";
    const auto plan_job = [&](std::int32_t ranks, std::int32_t threads) {
      PlannedJob planned;
      planned.plan =
          cluster ? resolve(parse_cluster(file, *cluster), ranks, workload.method, models.answer.config.layer_count())
                  : default_plan(ranks, workload.method, models.answer.config.layer_count());
      planned.inputs = plan_inputs(options.run, models, workload, threads);
      planned.costs = workload_costs(planned.plan, planned.inputs, workload);
      return planned;
    };
    const NodeShape node = node_of(options.job);
    const JobShape shape = choose_shape(options.job, options.run.threads, node, plan_job);
    const JobRequest request{
        options.model_directory, options.filter.model, this_program(), {request_sentence(options, workload)}};
    const std::string text = job_file(options.job, shape, node, request);
    write_file(options.job.output_file.value_or("-"), text);
  });
  return 0;
}

}  // namespace gemring
