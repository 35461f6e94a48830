#include "launch/cluster/machines_file.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "launch/cluster/cluster_file.h"

namespace gemring {
namespace {

using nlohmann::json;

json small_file() {
  return json::parse(R"({"machines": {"measured": "today", "ranks_per_host": 2,
    "machines": [{"name": "m", "cpu": "c", "products_many": "bf16", "products_many_blocks": "int8", "products_few": "f32",
                  "threads": 4, "rates": [{"busy_threads": 4, "memory_gbs": 12.5,
                    "layers": [{"weights": "q8_0", "compute": "int8", "tokens": 512, "gflops": 300},
                               {"weights": "q8_0", "compute": "f32", "tokens": 1, "gflops": 20}],
                    "attention": [{"head_dim": 64, "queries": 512, "keys": 256.5, "gflops": 90}]}]}],
    "hosts": [{"name": "node1", "machine": "m", "ranks": [0, 2], "cores": 8, "memory_bytes": 1e9, "speeds": [1, 0.5],
               "link": {"gbs": 0.125, "latency_us": 40}, "inside": {"gbs": 5, "latency_us": 1}}]}})");
}

std::string problem(const json& file) {
  try {
    parse_cluster(file.dump(), "c.json");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

void expect_small(const MachinesSpec& spec) {
  EXPECT_EQ(spec.measured, "today");
  EXPECT_EQ(spec.ranks_per_host, 2);
  ASSERT_EQ(spec.machines.size(), 1u);
  const MachineSpec& machine = spec.machines[0];
  EXPECT_EQ(machine.compute, (Compute{ComputeType::bf16, ComputeType::int8, ComputeType::f32}));
  EXPECT_EQ(machine.threads, 4);
  ASSERT_EQ(machine.rates.size(), 1u);
  EXPECT_DOUBLE_EQ(machine.rates[0].memory_gbs, 12.5);
  ASSERT_EQ(machine.rates[0].layers.size(), 2u);
  EXPECT_EQ(machine.rates[0].layers[0].tokens, 1) << "sorted";
  EXPECT_EQ(machine.rates[0].layers[1].weights, DataType::q8_0);
  EXPECT_EQ(machine.rates[0].layers[1].compute, ComputeType::int8);
  EXPECT_DOUBLE_EQ(machine.rates[0].attention.at(0).keys, 256.5);
  ASSERT_EQ(spec.hosts.size(), 1u);
  EXPECT_EQ(spec.hosts[0].ranks, (std::vector<RankId>{RankId(0), RankId(2)}));
  EXPECT_EQ(spec.hosts[0].speeds, (std::vector<double>{1, 0.5}));
  EXPECT_DOUBLE_EQ(spec.hosts[0].link.bytes_per_second, 0.125e9);
  EXPECT_DOUBLE_EQ(spec.hosts[0].link.latency_seconds, 40e-6);
  EXPECT_DOUBLE_EQ(spec.hosts[0].inside.bytes_per_second, 5e9);
}

TEST(MachinesFile, IsReadAsItIsWritten) {
  const ClusterSpec spec = parse_cluster(small_file().dump(), "c.json");
  ASSERT_TRUE(spec.machines.has_value());
  expect_small(*spec.machines);
  const std::string written =
      cluster_file_with(*spec.machines, R"({"filter": {"symbol": "all"}, "chunk_length": 64})", "groups.json");
  const ClusterSpec again = parse_cluster(written, "again.json");
  expect_small(again.machines.value());
  EXPECT_EQ(again.filter->symbol, GroupSpec::Symbol::all);
  EXPECT_EQ(again.chunk_length, 64);
}

TEST(MachinesFile, NumbersHaveFourDigits) {
  MachinesSpec spec = *parse_cluster(small_file().dump(), "c.json").machines;
  spec.machines[0].rates[0].memory_gbs = 12.34567;
  EXPECT_NE(cluster_file_with(spec, "{}", "g").find("\"memory_gbs\": 12.35,"), std::string::npos);
}

TEST(MachinesFile, WhatIsNoMeasurementIsNamed) {
  const auto changed = [](const char* pointer, const json& value) {
    json file = small_file();
    file[json::json_pointer(pointer)] = value;
    return problem(file);
  };
  EXPECT_EQ(changed("/machines/machines/0/rates/0/memory_gbs", -1), "c.json: machine 'm': memory_gbs is -1");
  EXPECT_EQ(changed("/machines/machines/0/rates/0/layers/0/weights", "q9"), "c.json: machine 'm': 'q9' is no type");
  EXPECT_EQ(changed("/machines/machines/0/products_many", ""), "c.json: machine 'm': '' is no type");
  EXPECT_EQ(changed("/machines/machines/0/rates", json::array()), "c.json: machine 'm': has no rates");
  EXPECT_EQ(changed("/machines/hosts/0/link/gbs", -2), "c.json: host 'node1': gbs is -2");
  EXPECT_EQ(changed("/machines/hosts/0/link/latency_us", -2), "c.json: host 'node1': latency_us is -2");
  json twice = small_file();
  twice["machines"]["machines"][0]["rates"].push_back(twice["machines"]["machines"][0]["rates"][0]);
  EXPECT_EQ(problem(twice), "c.json: machine 'm': rates are not in the order of busy_threads");
}

}  // namespace
}  // namespace gemring
