// What the machines of a job were measured to do, as a cluster file says it, and for each rank of a job. Pure.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "distributed/plan/ring_variant.h"
#include "engine/base/types.h"
#include "engine/kernels/compute.h"
#include "engine/tensor/data_type.h"

namespace gemring {

/// A decoder layer but for its attention, so many tokens at a time: matrix products with all that belongs to them.
struct LayerRate {
  DataType weights = DataType::bf16;       // stored type of most of the layer's bytes
  ComputeType compute = ComputeType::f32;  // type in which activations of many tokens entered the products
  std::int32_t tokens = 0;
  double gflops = 0;
};

/// Attention of queries that see so many keys on average. One query is a step of decode.
struct AttentionRate {
  std::int32_t head_dim = 0;
  std::int32_t queries = 0;
  double keys = 0;
  double gflops = 0;  // four FLOP a query, key and dimension of a query head
};

/// What ONE thread does while `busy_threads` of its host are at work, 1e9 per second. 0: not measured.
struct ThreadRates {
  std::int32_t busy_threads = 1;
  double f32_gflops = 0;  // limits of products
  double bf16_gflops = 0;
  double int8_gops = 0;
  double memory_gbs = 0;      // read
  double new_memory_gbs = 0;  // written for the first time: the system gives pages
  std::vector<LayerRate> layers;
  std::vector<AttentionRate> attention;
};

/// A kind of machine: hosts that are alike share one.
struct MachineSpec {
  std::string name;
  std::string cpu;                 // for people
  Compute compute;                 // types that products ran in
  std::int32_t threads = 1;        // of each rank when it was measured
  std::vector<ThreadRates> rates;  // by busy_threads, ascending
};

/// A host and the ranks on it.
struct HostSpec {
  std::string name;
  std::string machine;         // MachineSpec::name; empty: the file's first
  std::vector<RankId> ranks;   // empty: every host of the job is like this one, see MachinesSpec
  std::int32_t cores = 0;      // physical
  double memory_bytes = 0;     // available to all its ranks; 0: not known
  std::vector<double> speeds;  // of each rank, as multiples of the machine's rates; empty: 1
  LinkSpeed link;              // to other hosts, in each direction; 0 bytes/s: not known (ring_choice.h: kAssumed...)
  LinkSpeed inside;            // between two of its ranks
};

/// Ranks that no host names are on further hosts like those of the file, in turn; on a host without rank numbers there
/// are `ranks_per_host` of them.
struct MachinesSpec {
  std::string measured;  // when and where; for people
  std::int32_t ranks_per_host = 1;
  std::vector<MachineSpec> machines;
  std::vector<HostSpec> hosts;  // at least one
};

/// One rank of a job.
struct PlacedRank {
  std::size_t host = 0;     // into Machines::hosts
  std::size_t machine = 0;  // into Machines::machines
  double speed = 1;
  std::int32_t threads = 1;
};

/// The machines of a job of so many ranks.
struct Machines {
  std::vector<MachineSpec> machines;
  std::vector<HostSpec> hosts;    // those of the file, and as many like them as the ranks need
  std::vector<PlacedRank> ranks;  // of each

  /// Hosts of each rank; inside and between hosts the slowest link counts.
  GroupLinks links() const;
  LinkSpeed link(RankId from, RankId to) const;

  double speed(RankId rank) const;  // of its threads together, against one thread of the fastest machine's
  double memory_bytes(RankId rank) const { return hosts[ranks[rank.index()].host].memory_bytes; }
};

/// What a plan changes of the file's machines.
struct MachineWishes {
  std::optional<std::int32_t>
      ranks_per_host;                   // hosts are filled in order with so many, the file's rank numbers do not count
  std::optional<std::int32_t> threads;  // of each rank; unset: as measured, with ranks_per_host cores / ranks
};

/// Bytes of one weight, its share of a block's scales included.
double bytes_per_weight(DataType type);

/// Throws ConfigError naming `file`: no hosts, an unknown machine, a rank on two hosts, a number below 0.
Machines machines_of(const MachinesSpec& spec, int ranks, const MachineWishes& wishes, const std::string& file);

/// The rates of one thread while `busy` threads of a host with `cores` cores are at work: between two measurements in
/// proportion, before and behind them the nearest one. More threads than cores take turns, in measurements too: these
/// count as such of as many threads as cores, each faster by its turns; of two that meet there the faster one, for a
/// disturbed one is slow. `get` reads one rate.
template <class Get>
double rate_at(const MachineSpec& machine, double busy, double cores, Get&& get) {
  const auto turns = [&](double threads) { return cores > 0 && threads > cores ? threads / cores : 1.0; };
  struct Point {
    double threads = 0;  // at a time
    double rate = 0;
  };
  const double at = busy / turns(busy);
  Point below, above;
  for (const ThreadRates& rates : machine.rates) {
    const double around = turns(rates.busy_threads);
    const Point point{rates.busy_threads / around, get(rates) * around};
    const auto is_nearer = [&](const Point& other) {
      const double distance = std::abs(point.threads - at) - std::abs(other.threads - at);
      return other.threads == 0 || distance < 0 || (distance == 0 && point.rate > other.rate);
    };
    if (point.threads <= at && is_nearer(below)) below = point;
    if (point.threads >= at && is_nearer(above)) above = point;
  }
  if (below.threads == 0 || above.threads == below.threads) below = above;
  if (above.threads == 0) above = below;
  const double part = above.threads > below.threads ? (at - below.threads) / (above.threads - below.threads) : 0;
  return (below.rate + part * (above.rate - below.rate)) / turns(busy);
}

/// Seconds of one rank's work on a machine, `busy` threads of its host being at work.
class RankClock {
 public:
  RankClock(const Machines& machines, RankId rank);

  /// A layer's matrix products and what belongs to them for `tokens` tokens of `flop_per_token`, in blocks of at most
  /// `block`.
  double layer(std::int64_t tokens, double flop_per_token, std::int64_t block, DataType weights, const Compute& compute,
               double busy) const;
  /// `pairs` of queries and keys with `flop_per_pair`, on average `keys` a query. `queries` 1: of decode.
  double attention(double pairs, double flop_per_pair, double keys, std::int32_t head_dim, bool one_query,
                   double busy) const;
  double read(double bytes, double busy) const;
  double touch(double bytes, double busy) const;  // new memory

  std::int32_t threads() const { return rank_.threads; }
  std::size_t host() const { return rank_.host; }

 private:
  double of_rank(double thread_rate) const;  // 1e9 per second of one thread -> per second of the rank
  const MachineSpec& machine_;
  PlacedRank rank_;
  double cores_;
};

}  // namespace gemring
