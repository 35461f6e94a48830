#include "launch/cluster/job_files/job_shape.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/format.h"

namespace gemring {
namespace {

std::string counted(std::int32_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::int32_t threads_of(std::optional<std::int32_t> wanted, std::int32_t ranks, const NodeShape& node) {
  if (ranks > node.cores) {
    throw UsageError({"--ranks-per-node",
                      fmt::format("{} ranks are more than a node's {}", ranks, counted(node.cores, "core")),
                      "give fewer ranks, or --cores-per-node where nodes have more"});
  }
  const std::int32_t threads = wanted.value_or(node.cores / ranks);
  if (threads * ranks > node.cores) {
    throw UsageError({"--threads",
                      fmt::format("{} of {} are more than a node's {}", counted(ranks, "rank"),
                                  counted(threads, "thread"), counted(node.cores, "core")),
                      fmt::format("--threads {} fits", node.cores / ranks)});
  }
  return threads;
}

std::vector<std::uint64_t> bytes_of_nodes(const PlannedJob& job, std::int32_t ranks_per_node) {
  std::vector<std::uint64_t> bytes;
  for (std::size_t first = 0; first < job.costs.size(); first += static_cast<std::size_t>(ranks_per_node)) {
    std::vector<const RankCost*> ranks;
    ranks.reserve(static_cast<std::size_t>(ranks_per_node));
    for (std::int32_t i = 0; i < ranks_per_node; ++i) ranks.push_back(&job.costs[first + static_cast<std::size_t>(i)]);
    bytes.push_back(memory_together(ranks, job.inputs));
  }
  return bytes;
}

void require_work(const PlannedJob& job, std::int32_t nodes, std::int32_t ranks_per_node) {
  const std::size_t idle = job.plan.idle_ranks().size();
  if (idle == 0) return;
  throw UsageError({"--nodes",
                    fmt::format("with {} of {} each, {} of {} ranks would have no work", counted(nodes, "node"),
                                counted(ranks_per_node, "rank"), idle, job.plan.ranks),
                    "give fewer nodes, or a --cluster file whose ranks share the tokens "
                    "(cluster-configs/shared-filter-and-shards.json)"});
}

void require_room(const PlannedJob& job, std::int32_t ranks_per_node, const NodeShape& node) {
  if (!node.memory_bytes) return;
  std::vector<HostMemory> hosts;
  hosts.reserve(job.costs.size());
  for (std::int32_t rank = 0; rank < job.plan.ranks; ++rank) {
    hosts.push_back({fmt::format("node {}", rank / ranks_per_node), *node.memory_bytes});
  }
  check_memory(job.costs, job.inputs, hosts);
}

std::string threads_reason(const JobShape& shape, const NodeShape& node, bool wanted) {
  if (wanted) return fmt::format("{} a rank: --threads.", counted(shape.threads, "thread"));
  const std::string cores = fmt::format("a node's {} ({})", counted(node.cores, "core"), node.source);
  if (shape.ranks_per_node == 1) return fmt::format("{} a rank: {}.", counted(shape.threads, "thread"), cores);
  const std::int32_t left = node.cores - shape.threads * shape.ranks_per_node;
  return fmt::format("{} a rank: {} divided by {} ranks{}.", counted(shape.threads, "thread"), cores,
                     shape.ranks_per_node, left == 0 ? "" : fmt::format(", {} left over", left));
}

struct Candidate {
  std::int32_t ranks = 1;
  std::string reason;
};

std::vector<Candidate> candidates(const JobOptions& options, const NodeShape& node) {
  if (options.ranks_per_node) {
    return {{*options.ranks_per_node,
             fmt::format("{} a node: --ranks-per-node.", counted(*options.ranks_per_node, "rank"))}};
  }
  if (node.numa == 1) return {{1, "1 rank a node: its cores share one memory."}};
  return {{node.numa, fmt::format("{} ranks a node: one for each of its NUMA nodes.", node.numa)},
          {1, fmt::format("1 rank a node, though it has {} NUMA nodes:", node.numa)}};
}

}  // namespace

std::size_t JobShape::fullest() const {
  return static_cast<std::size_t>(std::max_element(node_bytes.begin(), node_bytes.end()) - node_bytes.begin());
}

JobShape choose_shape(const JobOptions& options, std::optional<std::int32_t> threads, const NodeShape& node,
                      const PlanJob& plan_job) {
  const std::vector<Candidate> all = candidates(options, node);
  std::string why_not;
  for (std::size_t i = 0; i < all.size(); ++i) {
    JobShape shape;
    shape.nodes = options.nodes;
    shape.ranks_per_node = all[i].ranks;
    try {
      shape.threads = threads_of(threads, shape.ranks_per_node, node);
      const PlannedJob job = plan_job(shape.ranks(), shape.threads);
      require_work(job, shape.nodes, shape.ranks_per_node);
      require_room(job, shape.ranks_per_node, node);
      shape.plan = job.plan;
      shape.node_bytes = bytes_of_nodes(job, shape.ranks_per_node);
    } catch (const Error& error) {
      if (i + 1 == all.size()) throw;
      why_not = fmt::format(" with {}, {}: {}.", shape.ranks_per_node, error.text().where, error.text().problem);
      continue;
    }
    shape.reasons = {all[i].reason + why_not, threads_reason(shape, node, threads.has_value())};
    return shape;
  }
  return {};  // not reached: the last candidate returned or threw
}

std::uint64_t memory_to_ask_for(const JobShape& shape, const NodeShape& node) {
  constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
  if (node.memory_bytes) return *node.memory_bytes / kMib;
  const std::uint64_t needed = shape.node_bytes[shape.fullest()];
  return (needed + needed / 10) / kMib + 1024;
}

}  // namespace gemring
