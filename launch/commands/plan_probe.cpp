#include <fmt/format.h>

#include "distributed/plan/prediction.h"
#include "engine/base/clock.h"
#include "engine/base/output_file.h"
#include "launch/cluster/cluster_file.h"
#include "launch/cluster/machines_file.h"
#include "launch/cluster/probe/probe.h"
#include "launch/cluster/workload.h"
#include "launch/commands/commands.h"
#include "launch/output/text_output.h"
#include "launch/prompts/model.h"
#include "launch/start/pinning.h"
#include "launch/start/start_up.h"
#include "launch/start/version.h"

namespace gemring {
namespace {

/// bench/reference_shape.json: what most models of a few billion weights are like.
ModelConfig usual_shape() {
  ModelConfig config;
  config.family = "llama";
  config.layers.resize(4);
  config.hidden = 2048;
  config.heads = 32;
  config.kv_heads = 8;
  config.head_dim = 64;
  config.ffn = 8192;
  return config;
}

ProbeShape shape_of(const Job& job, const Options& options) {
  ProbeShape shape{
      .config = usual_shape(), .weights = {DataType::bf16, DataType::q8_0}, .kv_type = cache_type(options.run)};
  if (options.model_directory.empty() && !options.bench.random_weights) {
    if (options.run.weights) shape.weights = {*options.run.weights};
    return shape;
  }
  const OpenModels opened = open_models(job, options);
  const PlanInputs inputs = plan_inputs(options.run, opened.all(), {}, 1);
  shape.config = inputs.model;
  shape.weights = {layer_weights_type(inputs.answering())};
  const DataType of_filter = layer_weights_type(inputs.filtering());
  if (of_filter != shape.weights.front()) shape.weights.push_back(of_filter);
  return shape;
}

std::string summary(const MachinesSpec& spec) {
  std::string text = fmt::format("measured {}\n", spec.measured);
  for (const MachineSpec& machine : spec.machines) {
    text += fmt::format("{}\n  per thread, with so many of the host at work:\n", machine.name);
    for (const ThreadRates& rates : machine.rates) {
      text += fmt::format("  {:>4}: limits {:.0f} f32, {:.0f} bf16 GFLOP/s, {:.0f} int8 GOP/s; memory {:.1f} GB/s; ",
                          rates.busy_threads, rates.f32_gflops, rates.bf16_gflops, rates.int8_gops, rates.memory_gbs);
      for (const LayerRate& rate : rates.layers) {
        text += fmt::format("layer of {} x {} {:.0f}, ", rate.tokens, name(rate.weights), rate.gflops);
      }
      for (const AttentionRate& rate : rates.attention) {
        text += fmt::format("{}attention {} x {:.0f} {:.0f}", &rate == rates.attention.data() ? "" : ", ", rate.queries,
                            rate.keys, rate.gflops);
      }
      text += " GFLOP/s\n";
    }
  }
  for (const HostSpec& host : spec.hosts) {
    text += fmt::format(
        "{}: {} ranks, {} cores, {:.1f} GB free; link to others {:.2f} GB/s, {:.0f} us; inside {:.2f} "
        "GB/s, {:.0f} us\n",
        host.name, host.ranks.size(), host.cores, host.memory_bytes * 1e-9, host.link.bytes_per_second * 1e-9,
        host.link.latency_seconds * 1e6, host.inside.bytes_per_second * 1e-9, host.inside.latency_seconds * 1e6);
  }
  return text;
}

}  // namespace

int run_plan_probe(const Job& job, const Options& options) {
  std::string groups = "{}";
  agreed_on_first(job, [&] {
    if (options.plan.output_file) require_writable(*options.plan.output_file, "--output");
    if (options.run.cluster_file) {
      groups = read_cluster_file(*options.run.cluster_file);
      parse_cluster(groups, *options.run.cluster_file);
    }
  });
  std::vector<int> cores;  // before this thread is pinned to one of them
  agreed(job, [&] { cores = look_at_cores(job.environment).cores; });
  prepare_compute(job, options.run);
  set_log_phase("probe");
  const ProbeShape shape = shape_of(job, options);
  const double start = steady_seconds();
  const std::vector<RankProbe> ranks = probe(job, shape, cores);
  if (job.first()) log_info("probed {} ranks in {:.1f} s", ranks.size(), steady_seconds() - start);
  agreed_on_first(job, [&] {
    const MachinesSpec machines = machines_from(ranks, active_compute(), made_now_text());
    const std::string name = options.run.cluster_file.value_or("{}");
    const std::string file = cluster_file_with(machines, groups, name);
    if (!options.plan.output_file || is_standard_output(*options.plan.output_file)) return write_result(file);
    write_file(*options.plan.output_file, file);
    write_result(summary(machines) + fmt::format("written to {}\n", *options.plan.output_file));
  });
  return 0;
}

}  // namespace gemring
