// Machines slow enough to count by hand: a thread does 1000 FLOP/s of a layer's products with one token and 2000 with
// more, and 1000 of attention; memory takes no time.
#pragma once

#include "distributed/plan/machines.h"

namespace gemring {

inline ThreadRates small_rates(std::int32_t busy_threads, double faster = 1) {
  ThreadRates rates;
  rates.busy_threads = busy_threads;
  rates.layers = {{DataType::f32, ComputeType::f32, 1, 1e-6 * faster},
                  {DataType::f32, ComputeType::f32, 5, 2e-6 * faster}};
  rates.attention = {{4, 1, 5, 1e-6 * faster}, {4, 512, 5, 1e-6 * faster}};
  return rates;
}

/// Hosts of one rank with one thread and one core.
inline MachinesSpec small_machines() {
  MachinesSpec spec;
  spec.machines = {{.name = "slow", .cpu = "", .compute = {}, .threads = 1, .rates = {small_rates(1)}}};
  HostSpec host;
  host.name = "node";
  host.cores = 1;
  spec.hosts = {host};
  return spec;
}

}  // namespace gemring
