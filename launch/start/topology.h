// Packages, NUMA nodes and cores of this machine, as hwloc sees them.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace gemring {

class Topology {
 public:
  /// Throws ResourceError where hwloc cannot read the machine.
  static Topology of_this_machine();

  /// A machine that hwloc makes up: "package:2 numa:2 core:4 pu:2". For tests. Throws ResourceError.
  static Topology made_up(const std::string& description);

  /// One of `processors` (numbers of the operating system) for each physical core that has any of them, package by
  /// package, in these NUMA node by NUMA node: two threads of a matrix product on one core's two hyperthreads fight for
  /// the same multipliers, and neighbouring threads share memory. Throws ResourceError where the machine has no such
  /// processor.
  std::vector<int> physical_cores(const std::vector<int>& processors) const;

  /// The processor's model as the machine names it; empty where it does not.
  std::string processor() const;

  /// NUMA nodes; 1 where the machine tells of none.
  int numa_nodes() const;

  /// Whether the machine tells which processors share a core; else each counts as a core of its own.
  bool knows_cores() const;

 private:
  struct Handle;
  explicit Topology(std::shared_ptr<const Handle> handle) : handle_(std::move(handle)) {}

  std::shared_ptr<const Handle> handle_;
};

}  // namespace gemring
