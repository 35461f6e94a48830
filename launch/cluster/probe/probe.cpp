#include "launch/cluster/probe/probe.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "distributed/comm/control.h"
#include "engine/base/clock.h"
#include "engine/base/process.h"
#include "launch/cluster/probe/links.h"
#include "launch/measure/bench_report.h"
#include "launch/start/topology.h"

namespace boost::serialization {

template <class Archive>
void serialize(Archive& archive, gemring::LayerRate& rate, unsigned /*version*/) {
  archive& rate.weights& rate.compute& rate.tokens& rate.gflops;
}
template <class Archive>
void serialize(Archive& archive, gemring::AttentionRate& rate, unsigned /*version*/) {
  archive& rate.head_dim& rate.queries& rate.keys& rate.gflops;
}
template <class Archive>
void serialize(Archive& archive, gemring::ThreadRates& rates, unsigned /*version*/) {
  archive& rates.busy_threads& rates.f32_gflops& rates.bf16_gflops& rates.int8_gops& rates.memory_gbs;
  archive& rates.new_memory_gbs& rates.layers& rates.attention;
}
template <class Archive>
void serialize(Archive& archive, gemring::LinkSpeed& link, unsigned /*version*/) {
  archive& link.bytes_per_second& link.latency_seconds;
}
template <class Archive>
void serialize(Archive& archive, gemring::RankProbe& rank, unsigned /*version*/) {
  archive& rank.host& rank.cpu& rank.cores& rank.memory_bytes& rank.threads& rank.together& rank.alone& rank.inside;
  archive& rank.between;
}

}  // namespace boost::serialization

namespace gemring {
namespace {

// From the beginning of the probe on; the links, and a measurement that takes twice what it should, follow.
constexpr double kTogetherUntil = 4.8;
constexpr double kLeastTogether = 2.0;  // where weights alone took the time before
constexpr double kAloneUntil = 7.4;
constexpr double kNoise = 0.1;  // ranks of one kind that differ by less are alike: other loads make as much

/// The same figure of several measurements, the same in number, as `get` reads or writes it.
template <class Get>
double median_by(const std::vector<const ThreadRates*>& all, Get get) {
  std::vector<double> values;
  values.reserve(all.size());
  for (const ThreadRates* rates : all) values.push_back(get(*rates));
  return median(values);
}

ThreadRates medians(const std::vector<const ThreadRates*>& all) {
  ThreadRates made = *all.front();
  made.f32_gflops = median_by(all, [](const ThreadRates& r) { return r.f32_gflops; });
  made.bf16_gflops = median_by(all, [](const ThreadRates& r) { return r.bf16_gflops; });
  made.int8_gops = median_by(all, [](const ThreadRates& r) { return r.int8_gops; });
  made.memory_gbs = median_by(all, [](const ThreadRates& r) { return r.memory_gbs; });
  made.new_memory_gbs = median_by(all, [](const ThreadRates& r) { return r.new_memory_gbs; });
  for (std::size_t i = 0; i < made.layers.size(); ++i) {
    made.layers[i].gflops = median_by(all, [&](const ThreadRates& r) { return r.layers.at(i).gflops; });
  }
  for (std::size_t i = 0; i < made.attention.size(); ++i) {
    made.attention[i].gflops = median_by(all, [&](const ThreadRates& r) { return r.attention.at(i).gflops; });
  }
  return made;
}

/// A thread is never slower where fewer are at work: what says so met another load.
void raise_to(ThreadRates& fewer, const ThreadRates& more) {
  const auto raise = [](double& rate, double other) { rate = std::max(rate, other); };
  raise(fewer.f32_gflops, more.f32_gflops);
  raise(fewer.bf16_gflops, more.bf16_gflops);
  raise(fewer.int8_gops, more.int8_gops);
  raise(fewer.memory_gbs, more.memory_gbs);
  raise(fewer.new_memory_gbs, more.new_memory_gbs);
  for (LayerRate& rate : fewer.layers) {
    for (const LayerRate& other : more.layers) {
      if (other.weights == rate.weights && other.tokens == rate.tokens) raise(rate.gflops, other.gflops);
    }
  }
  for (AttentionRate& rate : fewer.attention) {
    for (const AttentionRate& other : more.attention) {
      if (other.queries == rate.queries && other.keys == rate.keys) raise(rate.gflops, other.gflops);
    }
  }
  // What there was no time for with fewer threads is taken from more.
  for (const LayerRate& other : more.layers) {
    const auto same = [&](const LayerRate& r) { return r.weights == other.weights && r.tokens == other.tokens; };
    if (std::none_of(fewer.layers.begin(), fewer.layers.end(), same)) fewer.layers.push_back(other);
  }
  for (const AttentionRate& other : more.attention) {
    const auto same = [&](const AttentionRate& r) { return r.queries == other.queries && r.keys == other.keys; };
    if (std::none_of(fewer.attention.begin(), fewer.attention.end(), same)) fewer.attention.push_back(other);
  }
}

/// By the longest steps of products and attention, which most of a prefill is.
double speed_against(const ThreadRates& own, const ThreadRates& usual) {
  double sum = 0;
  int count = 0;
  const auto compare = [&](double mine, double theirs) {
    if (!(mine > 0) || !(theirs > 0)) return;
    sum += std::log(mine / theirs);
    ++count;
  };
  if (!own.layers.empty()) compare(own.layers.back().gflops, usual.layers.back().gflops);
  if (!own.attention.empty()) compare(own.attention.back().gflops, usual.attention.back().gflops);
  const double speed = count == 0 ? 1 : std::exp(sum / count);
  if (std::abs(speed - 1) < kNoise) return 1;
  return std::max(std::round(speed * 16), 1.0) / 16;
}

void keep_slowest(LinkSpeed& slowest, const LinkSpeed& link) {
  if (link.bytes_per_second <= 0) return;
  if (slowest.bytes_per_second == 0 || link.bytes_per_second < slowest.bytes_per_second) {
    slowest.bytes_per_second = link.bytes_per_second;
  }
  slowest.latency_seconds = std::max(slowest.latency_seconds, link.latency_seconds);
}

struct HostRanks {
  std::string name;
  std::vector<std::size_t> ranks;
};

std::vector<HostRanks> hosts_of(const std::vector<RankProbe>& ranks) {
  std::vector<HostRanks> hosts;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    auto host = std::find_if(hosts.begin(), hosts.end(), [&](const auto& h) { return h.name == ranks[rank].host; });
    if (host == hosts.end()) host = hosts.insert(hosts.end(), {ranks[rank].host, {}});
    host->ranks.push_back(rank);
  }
  return hosts;
}

HostSpec host_from(const HostRanks& host, const std::vector<RankProbe>& ranks) {
  HostSpec spec;
  spec.name = host.name;
  spec.memory_bytes = ranks[host.ranks.front()].memory_bytes;
  std::set<int> cores;
  for (const std::size_t rank : host.ranks) {
    const RankProbe& each = ranks[rank];
    spec.ranks.emplace_back(rank);
    cores.insert(each.cores.begin(), each.cores.end());
    spec.memory_bytes = std::min(spec.memory_bytes, each.memory_bytes);
    keep_slowest(spec.inside, each.inside);
    keep_slowest(spec.link, each.between);
  }
  spec.cores = static_cast<std::int32_t>(cores.size());
  return spec;
}

}  // namespace

std::vector<RankProbe> probe(const Job& job, const ProbeShape& shape, const std::vector<int>& cores) {
  const std::vector<std::int32_t> hosts = host_numbers(job.hosts);
  const auto own = static_cast<std::size_t>(job.world.member());
  const auto local =
      static_cast<int>(std::count(hosts.begin(), hosts.begin() + static_cast<std::ptrdiff_t>(own), hosts[own]));
  const auto local_ranks = static_cast<int>(std::count(hosts.begin(), hosts.end(), hosts[own]));
  const double start = steady_seconds();
  RankProbe mine;
  mine.host = job.host();
  mine.cores = cores;
  agreed(job, [&] { mine.cpu = Topology::of_this_machine().processor(); });
  mine.memory_bytes = static_cast<double>(available_memory_bytes());
  mine.threads = omp_get_max_threads();
  {
    std::unique_ptr<RateProbe> rates;
    agreed(job, [&] { rates = std::make_unique<RateProbe>(job, shape, local, local_ranks); });
    // Another point of the curve, where there is one: with one rank of one thread the two are the same.
    const bool differs = local_ranks > 1 || mine.threads > 1;
    const std::vector<int> wants = all_gather_control(job.world, differs ? 1 : 0);
    const bool measure_alone = std::count(wants.begin(), wants.end(), 1) > 0;
    const double together_until = start + (measure_alone ? kTogetherUntil : kAloneUntil);
    mine.together = rates->measure(ProbeMode::together, std::max(together_until, steady_seconds() + kLeastTogether));
    if (measure_alone) {
      ThreadRates alone = rates->measure(ProbeMode::alone, start + kAloneUntil);
      if (local == 0 && differs) mine.alone = std::move(alone);
    }
  }
  const PairRound inside = inside_round(hosts);
  if (std::any_of(inside.begin(), inside.end(), [](int partner) { return partner >= 0; })) {
    mine.inside = measure_link(job, inside);
  }
  for (const PairRound& round : host_rounds(hosts)) keep_slowest(mine.between, measure_link(job, round));
  return all_gather_control(job.world, mine);
}

MachinesSpec machines_from(const std::vector<RankProbe>& ranks, const Compute& compute, const std::string& when) {
  MachinesSpec spec;
  const std::vector<HostRanks> hosts = hosts_of(ranks);
  spec.measured = fmt::format("{}, {} rank{} on {} host{}", when, ranks.size(), ranks.size() == 1 ? "" : "s",
                              hosts.size(), hosts.size() == 1 ? "" : "s");
  spec.ranks_per_host = static_cast<std::int32_t>(hosts.front().ranks.size());
  std::map<std::string, std::vector<const HostRanks*>> alike;
  std::vector<std::string> names;
  for (const HostRanks& host : hosts) {
    const RankProbe& first = ranks[host.ranks.front()];
    const HostSpec made = host_from(host, ranks);
    const std::string key =
        fmt::format("{}, {} cores, {} x {} threads", first.cpu.empty() ? "unknown processor" : first.cpu, made.cores,
                    host.ranks.size(), first.threads);
    if (alike[key].empty()) names.push_back(key);
    alike[key].push_back(&host);
    spec.hosts.push_back(made);
    spec.hosts.back().machine = key;
  }
  for (const std::string& name : names) {
    const RankProbe& first = ranks[alike[name].front()->ranks.front()];
    MachineSpec machine{.name = name, .cpu = first.cpu, .compute = compute, .threads = first.threads, .rates = {}};
    std::vector<const ThreadRates*> together, alone;
    for (const HostRanks* host : alike[name]) {
      for (const std::size_t rank : host->ranks) together.push_back(&ranks[rank].together);
      const ThreadRates& one = ranks[host->ranks.front()].alone;
      if (one.memory_gbs > 0) alone.push_back(&one);
    }
    const ThreadRates all = medians(together);
    if (!alone.empty()) {
      ThreadRates fewer = medians(alone);
      raise_to(fewer, all);
      machine.rates.push_back(std::move(fewer));
    }
    machine.rates.push_back(all);
    spec.machines.push_back(std::move(machine));
  }
  for (HostSpec& host : spec.hosts) {
    const auto machine = std::find_if(spec.machines.begin(), spec.machines.end(),
                                      [&](const MachineSpec& m) { return m.name == host.machine; });
    for (const RankId rank : host.ranks) {
      host.speeds.push_back(speed_against(ranks[rank.index()].together, machine->rates.back()));
    }
  }
  return spec;
}

}  // namespace gemring
