#include "launch/cluster/cluster_file.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <system_error>

#include "engine/base/error.h"
#include "engine/base/whole_file.h"
#include "engine/weights/json_text.h"
#include "launch/cluster/machines_file.h"
#include "launch/options/option.h"
#include "proto/cluster.pb.h"

namespace gemring {
namespace {

GroupSpec group_of(const proto::Group& group, const std::string& file, const std::string& place) {
  const auto fail = [&](std::string problem) {
    throw ConfigError({file, fmt::format("{}: {}", place, problem),
                       R"(write {"symbol": "first"}, "rest" or "all", or {"ranks": [0, 1]})"});
  };
  GroupSpec spec;
  if (!group.symbol().empty() && group.ranks_size() > 0) fail("has both a symbol and ranks");
  if (group.symbol().empty() && group.ranks_size() == 0) fail("names no rank");
  if (group.symbol() == "first") {
    spec.symbol = GroupSpec::Symbol::first;
  } else if (group.symbol() == "rest") {
    spec.symbol = GroupSpec::Symbol::rest;
  } else if (group.symbol() == "all") {
    spec.symbol = GroupSpec::Symbol::all;
  } else if (!group.symbol().empty()) {
    fail(fmt::format("'{}' is no symbol", group.symbol()));
  }
  for (const std::int32_t rank : group.ranks()) {
    if (rank < 0) fail(fmt::format("rank {} is negative", rank));
    spec.ranks.emplace_back(rank);
  }
  spec.shares.assign(group.shares().begin(), group.shares().end());
  return spec;
}

void require_not_negative(std::int32_t value, const char* field, const std::string& file) {
  if (value >= 0) return;
  throw ConfigError({file, fmt::format("{} is {}", field, value), "0 leaves it to the program"});
}

}  // namespace

ClusterSpec parse_cluster(const std::string& json, const std::string& file) {
  const std::string name = input_name(file);
  constexpr const char* kAdvice = "proto/cluster.proto lists the fields, cluster-configs/ has files to start from";
  try {
    require_json_object(json);
  } catch (const JsonTextError& error) {
    throw ConfigError({name, fmt::format("is no cluster file: it {}", error.what()), kAdvice});
  }
  proto::Cluster cluster;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &cluster);
  if (!status.ok()) {
    throw ConfigError({name, fmt::format("is no cluster file: {}", std::string(status.message())), kAdvice});
  }
  require_not_negative(cluster.chunk_length(), "chunk_length", name);

  ClusterSpec spec;
  spec.name = name;
  spec.chunk_length = cluster.chunk_length();
  if (cluster.has_filter()) spec.filter = group_of(cluster.filter(), name, "filter");
  for (int i = 0; i < cluster.stages_size(); ++i) {
    const proto::StageGroup& stage = cluster.stages(i);
    require_not_negative(stage.cut(), "cut", name);
    require_not_negative(stage.layers(), "layers", name);
    spec.stages.push_back({group_of(stage.group(), name, fmt::format("stages[{}]", i)), stage.cut(), stage.layers()});
  }
  if (cluster.has_machines()) spec.machines = machines_from_file(cluster.machines(), name);
  return spec;
}

std::string read_cluster_file(const std::string& path) {
  try {
    return path == "-" ? read_whole_descriptor(STDIN_FILENO) : read_whole_file(path);
  } catch (const std::system_error& error) {
    throw ConfigError({input_name(path), fmt::format("cannot be read: {}", error.code().message()),
                       "give --cluster a readable file"});
  }
}

}  // namespace gemring
