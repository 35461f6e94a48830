#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "distributed/plan/cost.h"
#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/format.h"

namespace gemring {
namespace {

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f}", static_cast<double>(bytes) * 1e-6);
}
std::string giga(double flop) {
  return fmt::format("{:.2f}", flop * 1e-9);
}

std::string advice(const PlanInputs& inputs) {
  std::string text = "spread the job over more hosts, or lower the prompt's length, --keep or --max-new-tokens";
  if (inputs.parallel > 1) text = fmt::format("lower --parallel (it is {} here), {}", inputs.parallel, text);
  if (inputs.kv_type == DataType::f32) text += ", or halve the KV cache with --kv-type bf16";
  return text;
}

}  // namespace

std::string describe(const std::vector<RankCost>& costs) {
  std::string text =
      "memory, MB            filter pass                      prefill and decode\n"
      "rank     weights         KV activations   messages         KV activations   messages      fixed      total\n";
  for (const RankCost& cost : costs) {
    text += fmt::format("{:<5} {:>10} {:>10} {:>11} {:>10} {:>10} {:>11} {:>10} {:>10} {:>10}\n", cost.rank.value(),
                        megabytes(cost.weights_bytes), megabytes(cost.filter.kv_cache_bytes),
                        megabytes(cost.filter.activation_bytes), megabytes(cost.filter.message_buffer_bytes),
                        megabytes(cost.stage.kv_cache_bytes), megabytes(cost.stage.activation_bytes),
                        megabytes(cost.stage.message_buffer_bytes), megabytes(cost.fixed_bytes),
                        megabytes(cost.total_bytes));
  }
  text +=
      "work, GFLOP and MB sent\n"
      "rank filter pass      sent    prefill      sent  per new token      sent\n";
  for (const RankCost& cost : costs) {
    text += fmt::format("{:<5} {:>10} {:>9.2f} {:>10} {:>9.2f} {:>14} {:>9.4f}\n", cost.rank.value(),
                        giga(cost.filter_flop), cost.bytes_sent_filter * 1e-6, giga(cost.prefill_flop),
                        cost.bytes_sent_prefill * 1e-6, giga(cost.decode_flop_per_token),
                        cost.bytes_sent_decode_per_token * 1e-6);
  }
  return text;
}

std::uint64_t memory_together(const std::vector<const RankCost*>& ranks, const PlanInputs& inputs) {
  std::uint64_t needed = 0;
  std::map<std::size_t, std::uint64_t> tensors;  // mapped once for all: as much as the rank that reads most of it
  for (const RankCost* cost : ranks) {
    needed += cost->total_bytes;
    for (const ReadTensor& tensor : cost->tensors) {
      const bool of_filter = tensor.index >= inputs.tensors.size();
      if (!(of_filter ? inputs.filtering() : inputs.answering()).weights_shared) continue;
      needed -= tensor.bytes;
      std::uint64_t& bytes = tensors[tensor.index];
      bytes = std::max(bytes, tensor.bytes);
    }
  }
  for (const auto& [index, bytes] : tensors) needed += bytes;
  return needed;
}

std::vector<HostNeed> host_needs(const std::vector<RankCost>& costs, const PlanInputs& inputs,
                                 const std::vector<HostMemory>& hosts) {
  GEMRING_CHECK(costs.size() == hosts.size(), "{} ranks, {} hosts", costs.size(), hosts.size());
  std::map<std::string, std::vector<const RankCost*>> ranks_of_host;
  std::map<std::string, std::uint64_t> available;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const auto [entry, first] = available.try_emplace(hosts[i].host, hosts[i].available_bytes);
    entry->second = std::min(entry->second, hosts[i].available_bytes);
    ranks_of_host[hosts[i].host].push_back(&costs[i]);
  }
  std::vector<HostNeed> needs;
  for (const auto& [host, ranks] : ranks_of_host) {
    HostNeed& need = needs.emplace_back();
    need.host = host;
    need.needed_bytes = memory_together(ranks, inputs);
    need.available_bytes = available[host];
    for (const RankCost* cost : ranks) need.ranks.push_back(cost->rank);
  }
  return needs;
}

void check_memory(const std::vector<RankCost>& costs, const PlanInputs& inputs, const std::vector<HostMemory>& hosts) {
  for (const HostNeed& need : host_needs(costs, inputs, hosts)) {
    if (need.needed_bytes <= need.available_bytes) continue;
    const RankId most = *std::max_element(need.ranks.begin(), need.ranks.end(), [&](RankId a, RankId b) {
      return costs[a.index()].total_bytes < costs[b.index()].total_bytes;
    });
    std::string problem = fmt::format("needs {} bytes of memory", grouped(costs[most.index()].total_bytes));
    if (need.ranks.size() > 1) {
      problem += fmt::format(", the {} ranks of this host together {}", need.ranks.size(), grouped(need.needed_bytes));
    }
    throw ResourceError(
        {.where = fmt::format("rank {} on {}", most.value(), need.host),
         .problem = fmt::format("{}; the host has {} available", problem, grouped(need.available_bytes)),
         .advice = advice(inputs)});
  }
}

}  // namespace gemring
