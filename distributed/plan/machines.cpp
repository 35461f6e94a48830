#include "distributed/plan/machines.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/check.h"
#include "engine/base/error.h"

namespace gemring {
namespace {

class MachinesResolver {
 public:
  MachinesResolver(const MachinesSpec& spec, const MachineWishes& wishes, const std::string& file)
      : spec_(spec), wishes_(wishes), file_(file) {}

  Machines run(int ranks) {
    if (spec_.hosts.empty() || spec_.machines.empty()) fail("machines", "names no host or no machine", "");
    made_.machines = spec_.machines;
    made_.ranks.resize(static_cast<std::size_t>(ranks));
    placed_.assign(static_cast<std::size_t>(ranks), false);
    for (const HostSpec& host : spec_.hosts) check(host);
    if (!wishes_.ranks_per_host) place_named();
    place_others();
    return std::move(made_);
  }

 private:
  [[noreturn]] void fail(const std::string& place, const std::string& problem, const std::string& advice) const {
    throw ConfigError({fmt::format("{}: {}", file_, place), problem,
                       advice.empty() ? "gemring plan --probe writes this section" : advice});
  }

  std::size_t machine_named(const HostSpec& host) const {
    if (host.machine.empty()) return 0;
    for (std::size_t i = 0; i < spec_.machines.size(); ++i) {
      if (spec_.machines[i].name == host.machine) return i;
    }
    fail("host " + host.name, fmt::format("is a machine '{}', which is not described", host.machine), "");
  }

  void check(const HostSpec& host) const {
    if (!host.speeds.empty() && host.speeds.size() != std::max<std::size_t>(host.ranks.size(), 1)) {
      fail("host " + host.name, fmt::format("has {} speeds for {} ranks", host.speeds.size(), host.ranks.size()),
           "give one speed for each rank, or none");
    }
    for (const double speed : host.speeds) {
      if (!(speed > 0)) fail("host " + host.name, fmt::format("has a speed of {}", speed), "speeds are above 0");
    }
  }

  void put(RankId rank, const HostSpec& host, std::size_t index, std::size_t place) {
    const std::size_t machine = machine_named(host);
    PlacedRank& made = made_.ranks[rank.index()];
    made = {index, machine, host.speeds.empty() ? 1 : host.speeds[std::min(place, host.speeds.size() - 1)],
            spec_.machines[machine].threads};
    if (wishes_.ranks_per_host) {
      made.speed = 1;
      made.threads = std::max(1, host.cores / *wishes_.ranks_per_host);
    }
    if (wishes_.threads) made.threads = *wishes_.threads;
    placed_[rank.index()] = true;
  }

  void place_named() {
    for (const HostSpec& host : spec_.hosts) {
      const std::size_t index = made_.hosts.size();
      for (std::size_t place = 0; place < host.ranks.size(); ++place) {
        const RankId rank = host.ranks[place];
        if (rank.value() < 0) fail("host " + host.name, fmt::format("has rank {}", rank.value()), "");
        if (rank.index() >= placed_.size()) continue;  // the job has fewer ranks
        if (placed_[rank.index()]) fail("host " + host.name, fmt::format("has rank {} again", rank.value()), "");
        if (made_.hosts.size() == index) made_.hosts.push_back(host);
        put(rank, host, index, place);
      }
    }
  }

  void place_others() {
    std::size_t next_like = 0;
    std::size_t rank = 0;
    while (rank < placed_.size()) {
      if (placed_[rank]) {
        ++rank;
        continue;
      }
      const HostSpec& like = spec_.hosts[next_like++ % spec_.hosts.size()];
      const std::size_t index = made_.hosts.size();
      made_.hosts.push_back(like);
      if (index >= spec_.hosts.size()) made_.hosts.back().name = fmt::format("{} ({})", like.name, index);
      const std::size_t of_file =
          like.ranks.empty() ? static_cast<std::size_t>(spec_.ranks_per_host) : like.ranks.size();
      const std::size_t count = wishes_.ranks_per_host ? static_cast<std::size_t>(*wishes_.ranks_per_host) : of_file;
      for (std::size_t place = 0; place < count && rank < placed_.size(); ++rank) {
        if (!placed_[rank]) put(RankId(rank), like, index, place++);
      }
    }
  }

  const MachinesSpec& spec_;
  const MachineWishes& wishes_;
  const std::string& file_;
  Machines made_;
  std::vector<bool> placed_;
};

void keep_slower(LinkSpeed& slowest, const LinkSpeed& link) {
  if (link.bytes_per_second > 0 &&
      (slowest.bytes_per_second == 0 || link.bytes_per_second < slowest.bytes_per_second)) {
    slowest.bytes_per_second = link.bytes_per_second;
  }
  slowest.latency_seconds = std::max(slowest.latency_seconds, link.latency_seconds);
}

double limit(const ThreadRates& rates, ComputeType compute) {
  switch (compute) {
    case ComputeType::f32:
      return rates.f32_gflops;
    case ComputeType::bf16:
      return rates.bf16_gflops;
    case ComputeType::int8:
      return rates.int8_gops;
  }
  return 0;
}

/// The rates of one curve: those of the wanted weights and products; where they were not measured, of others.
struct LayerCurve {
  LayerCurve(const ThreadRates& rates, DataType weights, const Compute& compute, bool one_token) {
    const ComputeType wanted = type_of_products(compute, one_token ? 1 : 2, weights);
    int best = -1;
    for (const LayerRate& rate : rates.layers) {
      if ((rate.tokens == 1) != one_token) continue;
      const int fit = 2 * (one_token || rate.compute == wanted ? 1 : 0) + (rate.weights == weights ? 1 : 0);
      if (fit > best) points.clear();
      if (fit >= best && (points.empty() || points.back()->weights == rate.weights)) points.push_back(&rate);
      best = std::max(best, fit);
    }
    if (points.empty()) return;
    const LayerRate& first = *points.front();
    if (one_token) {  // limited by memory
      scale = bytes_per_weight(first.weights) / bytes_per_weight(weights);
    } else if (first.compute != wanted && limit(rates, first.compute) > 0) {
      scale = limit(rates, wanted) / limit(rates, first.compute);
    }
  }

  std::vector<const LayerRate*> points;  // by tokens, ascending
  double scale = 1;
};

/// 1e9 FLOP per second for a block of so many tokens: its seconds lie between those of the measured blocks.
double layer_rate(const ThreadRates& rates, std::int64_t tokens, DataType weights, const Compute& compute) {
  const LayerCurve curve(rates, weights, compute, tokens == 1);
  if (curve.points.empty()) return 0;
  const auto seconds = [](const LayerRate& rate) { return rate.tokens / rate.gflops; };  // times FLOP of a token
  const LayerRate* below = nullptr;
  for (const LayerRate* point : curve.points) {
    if (point->tokens >= tokens) {
      if (below == nullptr) return curve.scale * point->gflops;
      const double part = static_cast<double>(tokens - below->tokens) / (point->tokens - below->tokens);
      return curve.scale * static_cast<double>(tokens) / (seconds(*below) + part * (seconds(*point) - seconds(*below)));
    }
    below = point;
  }
  return curve.scale * below->gflops;
}

/// By the logarithm of the keys, of the head_dim that is nearest.
double attention_rate(const ThreadRates& rates, double keys, std::int32_t head_dim, bool one_query) {
  const AttentionRate* below = nullptr;
  const AttentionRate* above = nullptr;
  int nearest = -1;
  for (const AttentionRate& rate : rates.attention) {
    if ((rate.queries == 1) != one_query) continue;
    const int distance = std::abs(rate.head_dim - head_dim);
    if (nearest >= 0 && distance > nearest) continue;
    if (distance < nearest) below = above = nullptr;
    nearest = distance;
    if (rate.keys <= keys && (below == nullptr || rate.keys > below->keys)) below = &rate;
    if (rate.keys >= keys && (above == nullptr || rate.keys < above->keys)) above = &rate;
  }
  if (below == nullptr || above == nullptr || below == above) {
    const AttentionRate* only = below != nullptr ? below : above;
    return only == nullptr ? 0 : only->gflops;
  }
  const double part = std::log(keys / below->keys) / std::log(above->keys / below->keys);
  return below->gflops + part * (above->gflops - below->gflops);
}

}  // namespace

double bytes_per_weight(DataType type) {
  return static_cast<double>(block_bytes(type)) / static_cast<double>(block_elements(type));
}

Machines machines_of(const MachinesSpec& spec, int ranks, const MachineWishes& wishes, const std::string& file) {
  GEMRING_CHECK(ranks >= 1, "{} ranks", ranks);
  return MachinesResolver(spec, wishes, file).run(ranks);
}

GroupLinks Machines::links() const {
  GroupLinks links;
  std::vector<std::size_t> ranks_of_host(hosts.size());
  for (const PlacedRank& rank : ranks) {
    links.hosts.push_back(static_cast<std::int32_t>(rank.host));
    ++ranks_of_host[rank.host];
  }
  for (std::size_t host = 0; host < hosts.size(); ++host) {
    if (ranks_of_host[host] == 0) continue;
    keep_slower(links.between_hosts, hosts[host].link);
    if (ranks_of_host[host] > 1) keep_slower(links.within_host, hosts[host].inside);
  }
  return links;
}

LinkSpeed Machines::link(RankId from, RankId to) const {
  const HostSpec& here = hosts[ranks[from.index()].host];
  const HostSpec& there = hosts[ranks[to.index()].host];
  if (&here == &there) return here.inside;
  LinkSpeed link = here.link;
  keep_slower(link, there.link);
  return link;
}

double Machines::speed(RankId rank) const {
  const PlacedRank& of = ranks.at(rank.index());
  const auto rate_of = [&](const MachineSpec& machine) {
    double best = 0;
    for (const ThreadRates& rates : machine.rates) {
      for (const LayerRate& layer : rates.layers) best = std::max(best, layer.gflops);
      if (rates.layers.empty()) best = std::max({best, rates.f32_gflops, rates.bf16_gflops});
    }
    return best;
  };
  double fastest = 0;
  for (const MachineSpec& machine : machines) fastest = std::max(fastest, rate_of(machine));
  return fastest == 0 ? of.speed : of.speed * of.threads * rate_of(machines[of.machine]) / fastest;
}

RankClock::RankClock(const Machines& machines, RankId rank)
    : machine_(machines.machines[machines.ranks.at(rank.index()).machine]),
      rank_(machines.ranks[rank.index()]),
      cores_(machines.hosts[rank_.host].cores) {}

double RankClock::of_rank(double thread_rate) const {
  return thread_rate * 1e9 * rank_.threads * rank_.speed;
}

double RankClock::layer(std::int64_t tokens, double flop_per_token, std::int64_t block, DataType weights,
                        const Compute& compute, double busy) const {
  const auto seconds = [&](std::int64_t count) {
    if (count == 0) return 0.0;
    const double rate =
        rate_at(machine_, busy, cores_, [&](const ThreadRates& r) { return layer_rate(r, count, weights, compute); });
    return rate > 0 ? static_cast<double>(count) * flop_per_token / of_rank(rate) : 0;
  };
  const std::int64_t whole = tokens / block;
  return static_cast<double>(whole) * seconds(block) + seconds(tokens - whole * block);
}

double RankClock::attention(double pairs, double flop_per_pair, double keys, std::int32_t head_dim, bool one_query,
                            double busy) const {
  if (pairs == 0) return 0;
  const double rate = rate_at(machine_, busy, cores_,
                              [&](const ThreadRates& r) { return attention_rate(r, keys, head_dim, one_query); });
  return rate > 0 ? pairs * flop_per_pair / of_rank(rate) : 0;
}

double RankClock::read(double bytes, double busy) const {
  const double rate = rate_at(machine_, busy, cores_, [](const ThreadRates& r) { return r.memory_gbs; });
  return rate > 0 ? bytes / of_rank(rate) : 0;
}

double RankClock::touch(double bytes, double busy) const {
  const double rate = rate_at(machine_, busy, cores_, [](const ThreadRates& r) { return r.new_memory_gbs; });
  return rate > 0 ? bytes / of_rank(rate) : 0;
}

}  // namespace gemring
