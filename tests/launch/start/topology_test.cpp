#include "launch/start/topology.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "engine/base/error.h"
#include "engine/base/process.h"

namespace gemring {
namespace {

using Numbers = std::vector<int>;

Numbers first(int count) {
  Numbers numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

TEST(Topology, OneProcessorOfEachCore) {
  const Topology machine = Topology::made_up("package:2 core:2 pu:2");  // 0 1 | 2 3   4 5 | 6 7
  EXPECT_TRUE(machine.knows_cores());
  EXPECT_EQ(machine.physical_cores(first(8)), (Numbers{0, 2, 4, 6}));
}

TEST(Topology, TheProcessorIsNamedAsTheSystemNamesIt) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    EXPECT_EQ(Topology::of_this_machine().processor(), line.substr(line.find(": ") + 2));
    break;
  }
  EXPECT_EQ(Topology::made_up("package:1 core:2 pu:1").processor(), "");
}

TEST(Topology, OnlyProcessorsThatAreAllowed) {
  const Topology machine = Topology::made_up("package:2 core:2 pu:2");
  EXPECT_EQ(machine.physical_cores({1, 4, 5, 7}), (Numbers{1, 4, 7}));
  EXPECT_EQ(machine.physical_cores({}), Numbers{});
}

/// Many machines number the first threads of all cores before the second ones, and packages in turns.
TEST(Topology, PackagesAndNumaNodesOneAfterTheOtherHoweverTheirProcessorsAreNumbered) {
  const Topology machine =
      Topology::made_up("package:2 numa:2 core:2 pu:2(indexes=0,8,4,12,2,10,6,14,1,9,5,13,3,11,7,15)");
  EXPECT_EQ(machine.physical_cores(first(16)), (Numbers{0, 4, 2, 6, 1, 5, 3, 7}));
  EXPECT_EQ(machine.physical_cores({12, 9, 3, 10, 8}), (Numbers{8, 12, 10, 9, 3}));
}

TEST(Topology, AProcessorThatTheMachineDoesNotHaveIsRefused) {
  const Topology machine = Topology::made_up("core:2 pu:1");
  try {
    machine.physical_cores({0, 1, 2, 3});
    FAIL();
  } catch (const ResourceError& error) {
    EXPECT_NE(std::string(error.what()).find("may run on 2-3"), std::string::npos) << error.what();
  }
}

TEST(Topology, AMachineWithoutCoresHasOneForEachProcessor) {
  const Topology machine = Topology::made_up("pu:3");
  EXPECT_FALSE(machine.knows_cores());
  EXPECT_EQ(machine.physical_cores({0, 2}), (Numbers{0, 2}));
}

TEST(Topology, ThisMachinesCoresAreAmongItsProcessors) {
  const Numbers allowed = allowed_cores();
  const Numbers cores = Topology::of_this_machine().physical_cores(allowed);
  EXPECT_GE(cores.size(), 1u);
  EXPECT_LE(cores.size(), allowed.size());
  for (const int core : cores) EXPECT_NE(std::find(allowed.begin(), allowed.end(), core), allowed.end()) << core;
}

TEST(Topology, NonsenseIsRefused) {
  EXPECT_THROW(Topology::made_up("nonsense"), ResourceError);
}

}  // namespace
}  // namespace gemring
