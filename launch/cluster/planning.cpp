#include "launch/cluster/planning.h"

#include <algorithm>
#include <set>

#include "distributed/plan/ring_choice.h"
#include "engine/base/error.h"
#include "launch/prompts/filter_choice.h"
#include "launch/prompts/prompt.h"

namespace gemring {

std::int32_t planned_tokens(const Options& options, const RunModels& models) {
  constexpr std::int32_t kUsualTokens = 16384;
  const std::int32_t room = std::max(models.filter.config.max_positions - options.generate.max_new_tokens, 1);
  return options.plan.tokens.value_or(std::min(room, kUsualTokens));
}

Workload workload_of(const Options& options, const RunModels& models, const FilterProfile& filter,
                     std::int32_t tokens) {
  const ModelPositions positions(models.answer.config.max_positions, filter_positions(models.filter.config, filter));
  ResolvedSelection selection;
  const std::int32_t new_tokens = options.generate.max_new_tokens;
  if (options.filter.method == Method::gemfilter) {
    selection = resolve(options.filter.selection, tokens, std::nullopt, positions.answer - new_tokens);
  }
  check_length(tokens, options.filter, selection, new_tokens, positions, options.run.allow_extrapolation);
  Workload workload = workload_of(options.filter.method, filter, tokens, selection, new_tokens);
  workload.parallel = options.requests.parallel.value_or(0);
  return workload;
}

std::optional<SearchInputs> search_inputs(const Options& options, const RunModels& models, const Workload& workload,
                                          const std::optional<ClusterSpec>& spec) {
  if (!spec || !spec->machines) return std::nullopt;
  machines_of(*spec->machines, 1, {}, spec->name);  // refuses what is not whole
  SearchInputs search;
  search.machines = *spec->machines;
  search.file = spec->name;
  search.method = workload.method;
  search.options.overlap = options.run.overlap ? options.plan.hidden : 0;
  search.inputs = plan_inputs(options.run, models, workload, search.machines.machines.front().threads);
  if (!options.run.compute) search.inputs.compute = search.machines.machines.front().compute;
  return search;
}

void warn_of_gaps(const SearchInputs& search, int ranks, const MachineWishes& wishes) {
  std::set<DataType> wanted = {layer_weights_type(search.inputs.answering())};
  if (search.method != Method::full) wanted.insert(layer_weights_type(search.inputs.filtering()));
  std::set<std::string_view> measured;
  for (const ThreadRates& rates : search.machines.machines.front().rates) {
    for (const LayerRate& rate : rates.layers) measured.insert(name(rate.weights));
  }
  for (const DataType weights : wanted) {
    if (measured.contains(name(weights))) continue;
    log_warn(
        "{}: layers of {} weights were not measured: those of others count, as limits and bytes compare; "
        "gemring plan --probe --model MODEL measures them",
        search.file, name(weights));
  }
  const Machines machines = machines_of(search.machines, ranks, wishes, search.file);
  const GroupLinks links = machines.links();
  const bool several = machines.hosts.size() > 1;
  if (several && links.between_hosts.bytes_per_second == 0) {
    log_warn(
        "{}: no link between hosts was measured: {:g} GB/s and {:g} us are assumed; probe from two hosts, or write the "
        "hosts' \"link\": {{\"gbs\": ..., \"latency_us\": ...}}",
        search.file, kAssumedBetweenHosts.bytes_per_second * 1e-9, kAssumedBetweenHosts.latency_seconds * 1e6);
  }
  if (machines.hosts.size() < machines.ranks.size() && links.within_host.bytes_per_second == 0) {
    log_warn(
        "{}: no link inside hosts was measured: {:g} GB/s and {:g} us are assumed; probe with two ranks on a host, or "
        "write the hosts' \"inside\"",
        search.file, kAssumedWithinHost.bytes_per_second * 1e-9, kAssumedWithinHost.latency_seconds * 1e6);
  }
}

MachineWishes wishes_of(const Options& options) {
  return {options.plan.ranks_per_host, options.run.threads};
}

ClusterSpec groups_of(const std::optional<ClusterSpec>& spec) {
  return spec ? *spec : ClusterSpec{.name = "default plan", .filter = {}, .stages = {}, .chunk_length = 0};
}

}  // namespace gemring
