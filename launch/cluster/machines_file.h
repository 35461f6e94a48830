// The machines of a cluster file (proto/cluster.proto): read, checked, written.
#pragma once

#include <string>

#include "distributed/plan/machines.h"

namespace gemring {

namespace proto {
class Machines;
}

/// Throws ConfigError naming `file` and place: an unknown type, a negative number, rates out of order.
MachinesSpec machines_from_file(const proto::Machines& machines, const std::string& file);

/// A cluster file: `groups` (JSON of a cluster file, may be "{}"), its machines replaced by these. Throws ConfigError
/// as parse_cluster().
std::string cluster_file_with(const MachinesSpec& machines, const std::string& groups, const std::string& name);

}  // namespace gemring
