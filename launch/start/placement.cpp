#include "launch/start/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "launch/options/environment.h"

namespace gemring {
namespace {

/// Union of the cores of the ranks of `host` that share the node: each knows its launcher's mask, which a wrapper
/// script between the two may have narrowed.
std::vector<int> node_of(const std::string& host, const std::vector<RankCores>& ranks) {
  std::vector<int> cores;
  for (const RankCores& rank : ranks) {
    if (rank.host != host || rank.source != CoreSource::node) continue;
    for (const int core : rank.cores) {
      if (std::find(cores.begin(), cores.end(), core) == cores.end()) cores.push_back(core);
    }
  }
  return cores;
}

/// Ranks that share the quota of this one's control group, itself included.
std::ptrdiff_t quota_sharers(const std::vector<RankCores>& ranks, const RankCores& one) {
  return std::count_if(ranks.begin(), ranks.end(), [&](const RankCores& rank) {
    return rank.host == one.host && rank.quota_group == one.quota_group;
  });
}

const char* plural(std::size_t count) {
  return count == 1 ? "" : "s";
}

/// As many threads as a quota keeps busy, at least one.
int quota_threads(double quota) {
  constexpr double kMost = 1 << 20;
  return std::max(1, static_cast<int>(std::min(quota, kMost)));
}

std::string quota_words(double quota) {
  return fmt::format(" (a control group's quota of {:.4g} processors)", quota);
}

/// "3 threads pinned to cores 2-4; the node's cores 0-7 are shared by 3 ranks".
std::string reason(const Placement& placement, const ThreadWishes& wishes, int share, const std::vector<int>& cores,
                   std::size_t ranks, const RankCores& rank, double quota, bool limited) {
  const CoreSource source = rank.source;
  const bool fewer = placement.threads < share;
  const std::string why = limited                                              ? " (" + rank.most_threads_from + ")"
                          : wishes.threads                                     ? " (--threads)"
                          : fewer && placement.threads == quota_threads(quota) ? quota_words(quota)
                          : fewer && wishes.hint                               ? " (OMP_NUM_THREADS)"
                                                                               : "";
  const std::string all = fmt::format("core{} {}", plural(cores.size()), core_list(cores));
  const std::string given = source == CoreSource::own_mask
                                ? fmt::format("{} may use {}", ranks == 1 ? "it" : fmt::format("{} ranks", ranks), all)
                            : ranks == 1 ? fmt::format("the node's {} are its alone", all)
                                         : fmt::format("the node's {} are shared by {} ranks", all, ranks);
  return fmt::format("{} thread{}{} {} core{} {}; {}", placement.threads, placement.threads == 1 ? "" : "s", why,
                     placement.pinned ? "pinned to" : "not pinned, on", plural(placement.cores.size()),
                     core_list(placement.cores), given);
}

/// Rank `member` of the `ranks` ranks that stand on `cores`, each with `quota` processors' time.
Placement place_one(const std::vector<int>& cores, std::size_t member, std::size_t ranks, const RankCores& rank,
                    double quota, const ThreadWishes& wishes) {
  const std::size_t count = cores.size();
  const bool crowded = ranks > count;
  Placement placement;
  placement.cores = cores;
  if (!crowded) {
    const auto border = [&](std::size_t j) { return cores.begin() + static_cast<std::ptrdiff_t>(count * j / ranks); };
    placement.cores.assign(border(member), border(member + 1));
  }
  const int share = crowded ? 1 : static_cast<int>(placement.cores.size());
  placement.share = placement.cores;
  const int wanted = wishes.threads.value_or(std::min({share, wishes.hint.value_or(share), quota_threads(quota)}));
  placement.threads = std::min(wanted, rank.most_threads);
  const bool limited = placement.threads < wanted;
  placement.crowded = crowded;
  placement.pinned = !crowded && placement.threads <= share;
  if (placement.pinned) placement.cores.resize(static_cast<std::size_t>(placement.threads));

  placement.reason = reason(placement, wishes, share, cores, ranks, rank, quota, limited);
  if (crowded) {
    placement.warning = fmt::format("{} ranks share {} core{}: they take turns; start fewer ranks per node", ranks,
                                    count, plural(count));
  } else if (placement.threads > share) {
    placement.warning = fmt::format("{} threads on {} core{}: they take turns; --threads {} fits", placement.threads,
                                    share, share == 1 ? "" : "s", share);
  } else if (placement.threads > quota_threads(quota)) {
    placement.warning = fmt::format(
        "{} threads where a control group allows {:.4g} processors' time: all of them are stopped "
        "again and again; --threads {} fits",
        placement.threads, quota, quota_threads(quota));
  }
  if (limited) {
    placement.warning +=
        fmt::format("{}{} allows {} thread{} where {} would compute: unset it", placement.warning.empty() ? "" : "; ",
                    rank.most_threads_from, placement.threads, placement.threads == 1 ? "" : "s", wanted);
  }
  return placement;
}

bool contains(std::string text, std::string_view part) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text.find(part) != std::string::npos;
}

}  // namespace

std::vector<Placement> place(const std::vector<RankCores>& ranks, const ThreadWishes& wishes) {
  using Site = std::pair<std::string, std::vector<int>>;  // host and the cores a rank stands on
  std::vector<Site> sites;
  std::map<Site, std::size_t> crowd;  // ranks on a site
  for (const RankCores& rank : ranks) {
    sites.emplace_back(rank.host, rank.source == CoreSource::node ? node_of(rank.host, ranks) : rank.cores);
    ++crowd[sites.back()];
  }
  std::map<Site, std::size_t> placed;
  std::vector<Placement> placements;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const Site& site = sites[i];
    const double quota = ranks[i].quota / static_cast<double>(quota_sharers(ranks, ranks[i]));
    placements.push_back(place_one(site.second, placed[site]++, crowd[site], ranks[i], quota, wishes));
  }
  return placements;
}

CoreSource core_source(const std::vector<std::string>& environment, bool narrowed) {
  const auto given = [&](const char* name) { return !variable(environment, name).empty(); };
  if (given("OMPI_MCA_orte_launch")) {  // mpirun; under salloc SLURM_* are there too and mean nothing
    const std::string policy = variable(environment, "OMPI_MCA_hwloc_base_binding_policy");
    if (!policy.empty() && !policy.starts_with("none")) return CoreSource::own_mask;
    if (given("OMPI_MCA_hwloc_base_cpu_set") || given("OMPI_MCA_hwloc_base_cpu_list")) return CoreSource::own_mask;
    if (given("OMPI_MCA_rmaps_rank_file_path") || given("OMPI_MCA_orte_rankfile")) return CoreSource::own_mask;
    if (contains(variable(environment, "OMPI_MCA_rmaps_base_mapping_policy"), "pe=")) return CoreSource::own_mask;
    if (given("OMPI_MCA_orte_bound_at_launch")) return CoreSource::node;  // mpirun's default
    return narrowed ? CoreSource::own_mask : CoreSource::node;            // taskset, numactl between mpirun and us
  }
  return CoreSource::own_mask;  // srun's share (equal masks are split), or a shell's taskset
}

std::string core_list(const std::vector<int>& cores) {
  std::string text;
  for (std::size_t i = 0; i < cores.size();) {
    std::size_t end = i + 1;
    while (end < cores.size() && cores[end] == cores[end - 1] + 1) ++end;
    text += fmt::format("{}{}", text.empty() ? "" : ",", cores[i]);
    if (end - i > 1) text += fmt::format("-{}", cores[end - 1]);
    i = end;
  }
  return text;
}

}  // namespace gemring
