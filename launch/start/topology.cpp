#include "launch/start/topology.h"

#include <fmt/format.h>
#include <hwloc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "engine/base/error.h"
#include "launch/start/placement.h"

namespace gemring {

struct Topology::Handle {
  Handle() = default;
  ~Handle() {
    if (topology != nullptr) hwloc_topology_destroy(topology);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  hwloc_topology_t topology = nullptr;
};

namespace {

[[noreturn]] void refuse(const std::string& step) {
  throw ResourceError({"processors of this machine", fmt::format("hwloc cannot {}: {}", step, std::strerror(errno)),
                       "see what `lstopo` says; /sys must be mounted"});
}

}  // namespace

Topology Topology::of_this_machine() {
  auto handle = std::make_shared<Handle>();
  if (hwloc_topology_init(&handle->topology) != 0) refuse("begin");
  // The affinity masks say what may be used, also where hwloc would leave processors out.
  hwloc_topology_set_flags(handle->topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  if (hwloc_topology_load(handle->topology) != 0) refuse("read the machine");
  return Topology(std::move(handle));
}

Topology Topology::made_up(const std::string& description) {
  auto handle = std::make_shared<Handle>();
  if (hwloc_topology_init(&handle->topology) != 0) refuse("begin");
  if (hwloc_topology_set_synthetic(handle->topology, description.c_str()) != 0) refuse("read " + description);
  if (hwloc_topology_load(handle->topology) != 0) refuse("make " + description);
  return Topology(std::move(handle));
}

std::vector<int> Topology::physical_cores(const std::vector<int>& processors) const {
  const hwloc_topology_t topology = handle_->topology;
  std::set<int> wanted(processors.begin(), processors.end());
  std::set<hwloc_obj_t> taken;
  std::vector<int> cores;
  // hwloc's logical order is the order of the tree: packages, the NUMA nodes in them, cores.
  for (hwloc_obj_t pu = nullptr; (pu = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, pu)) != nullptr;) {
    const auto number = static_cast<int>(pu->os_index);
    if (wanted.erase(number) == 0) continue;
    const hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE, pu);
    if (taken.insert(core != nullptr ? core : pu).second) cores.push_back(number);
  }
  if (wanted.empty()) return cores;
  throw ResourceError({"processors of this machine",
                       fmt::format("this process may run on {}, which hwloc does not find",
                                   core_list(std::vector<int>(wanted.begin(), wanted.end()))),
                       "see what `lstopo` says"});
}

std::string Topology::processor() const {
  const hwloc_obj_t package = hwloc_get_next_obj_by_type(handle_->topology, HWLOC_OBJ_PACKAGE, nullptr);
  const char* model = package == nullptr ? nullptr : hwloc_obj_get_info_by_name(package, "CPUModel");
  return model == nullptr ? std::string() : std::string(model);
}

int Topology::numa_nodes() const {
  return std::max(hwloc_get_nbobjs_by_type(handle_->topology, HWLOC_OBJ_NUMANODE), 1);
}

bool Topology::knows_cores() const {
  return hwloc_get_nbobjs_by_type(handle_->topology, HWLOC_OBJ_CORE) > 0;
}

}  // namespace gemring
