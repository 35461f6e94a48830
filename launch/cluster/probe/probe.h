// `gemring plan --probe`: what every rank measured, and the machines that a cluster file describes by it.
#pragma once

#include <string>
#include <vector>

#include "distributed/plan/machines.h"
#include "launch/cluster/probe/rates.h"

namespace gemring {

/// What one rank tells of itself.
struct RankProbe {
  std::string host;
  std::string cpu;
  std::vector<int> cores;  // physical, that it may use
  double memory_bytes = 0;
  std::int32_t threads = 1;
  ThreadRates together;
  ThreadRates alone;  // of the first rank of each host; nothing measured elsewhere
  LinkSpeed inside;   // 0 bytes/s: measured none
  LinkSpeed between;
};

/// Measures for less than ten seconds, whatever the number of ranks. `cores`: physical ones that this rank may use.
/// Collective; the result is the same on every rank.
std::vector<RankProbe> probe(const Job& job, const ProbeShape& shape, const std::vector<int>& cores);

/// Hosts of equal processor, cores, ranks and threads are one machine, whose rates are the medians of theirs; a rank's
/// speed is its own rate against these in sixteenths, less than a tenth counting as none. A thread's rates with fewer
/// at work are at least those with more. A host's link is its slowest.
MachinesSpec machines_from(const std::vector<RankProbe>& ranks, const Compute& compute, const std::string& when);

}  // namespace gemring
