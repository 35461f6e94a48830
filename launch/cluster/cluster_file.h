// The cluster file: JSON of proto/cluster.proto.
#pragma once

#include <string>

#include "distributed/plan/cluster_plan.h"

namespace gemring {

/// `json` as `file` says it, which may be "-". Throws ConfigError: no JSON of a Cluster (an unknown field is named), an
/// unknown symbol, a group with a symbol and ranks or with neither, a negative number. What depends on the number of
/// ranks is checked by resolve().
ClusterSpec parse_cluster(const std::string& json, const std::string& file);

/// The whole file; "-" is standard input. Throws ConfigError where it cannot be read.
std::string read_cluster_file(const std::string& path);

}  // namespace gemring
