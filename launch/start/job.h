// One process of the job: the ranks it runs with and what it was started with.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "distributed/comm/communicator.h"
#include "engine/base/types.h"

namespace gemring {

struct Job {
  Communicator& world;
  std::vector<std::string> environment;  // "NAME=value", as it stood before MPI started
  std::vector<std::string> hosts;        // of every rank

  RankId rank() const { return world.world_rank(world.member()); }
  bool first() const { return world.member() == 0; }
  const std::string& host() const { return hosts[static_cast<std::size_t>(world.member())]; }
};

/// A number for each rank's host, from 0 in the order of ranks; the same for ranks of one host.
std::vector<std::int32_t> host_numbers(const std::vector<std::string>& hosts);

/// A step that may fail on some ranks alone: where it does, every rank throws the same AgreedError. The step must not
/// communicate. Memory that is not there counts as a ResourceError.
void agreed(const Job& job, const std::function<void()>& step);

/// The same for a step of rank 0 alone.
void agreed_on_first(const Job& job, const std::function<void()>& step);

}  // namespace gemring
