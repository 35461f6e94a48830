#include "launch/cluster/plan_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "launch/options/options.h"
#include "tests/distributed/plan/small_machines.h"
#include "tests/distributed/plan/small_model.h"

namespace gemring {
namespace {

using nlohmann::json;

PlannedRun small_run(int ranks, const MachinesSpec& machines = small_machines()) {
  SearchInputs search;
  search.inputs = small_inputs();
  search.machines = machines;
  search.file = "c.json";
  const GroupSpec all{.symbol = GroupSpec::Symbol::all, .ranks = {}};
  return plan_run(search, {.name = "s", .filter = all, .stages = {{all, 1, 0}}, .chunk_length = 0}, ranks, {});
}

TEST(PlanReport, SaysOfEveryRankWhatItDoes) {
  const json report = json::parse(plan_json(small_run(2), true, small_run(1)));
  EXPECT_EQ(report["shape"], "filter on 2 ranks; 1 stage of 2 ranks");
  ASSERT_EQ(report["ranks"].size(), 2u);
  EXPECT_EQ(report["ranks"][1]["layers"], 3);
  EXPECT_EQ(report["ranks"][1]["filter_share"], 0.5);
  EXPECT_GT(report["ranks"][1]["peak_bytes"], 20e6);
  EXPECT_GT(report["ranks"][1]["filter_seconds"], 0);
  ASSERT_EQ(report["phases"].size(), 4u);
  EXPECT_EQ(report["phases"][0]["name"], "filter");
  EXPECT_EQ(report["phases"][0]["limit"], "compute");
  EXPECT_EQ(report["recommended"]["ranks_total"], 1);
  EXPECT_EQ(json::parse(report["recommended"]["cluster"].get<std::string>())["stages"][0]["group"]["symbol"], "all");
}

TEST(PlanReport, HasNoSecondsWithoutMachines) {
  const json report = json::parse(plan_json(small_run(1), false, {}));
  EXPECT_TRUE(report["phases"].empty());
  EXPECT_FALSE(report.contains("recommended"));
}

TEST(Simulation, SpeedUpAndEfficiencyAreAgainstTheFewestRanks) {
  std::vector<SimulatedRun> runs = {{"strong", small_run(1), 1, 1}, {"strong", small_run(2), 1, 1}};
  const double ratio = runs[0].run.seconds() / runs[1].run.seconds();
  compare_with_first(runs);
  EXPECT_DOUBLE_EQ(runs[0].efficiency, 1);
  EXPECT_DOUBLE_EQ(runs[1].speed_up, ratio);
  EXPECT_DOUBLE_EQ(runs[1].efficiency, ratio / 2);
  for (SimulatedRun& run : runs) run.scaling = "weak";
  runs[1].run.inputs.prompt_tokens *= 2;
  compare_with_first(runs);
  EXPECT_DOUBLE_EQ(runs[1].speed_up, 2 * ratio);
  EXPECT_DOUBLE_EQ(runs[1].efficiency, ratio);
  EXPECT_EQ(json::parse(simulation_lines({runs[1]}))["scaling"], "weak");
}

TEST(Simulation, SaysWhatLimits) {
  EXPECT_EQ(limit_of_run(small_run(1)), "compute");
  MachinesSpec slow_links = small_machines();
  slow_links.hosts[0].link = {1, 100};
  EXPECT_EQ(limit_of_run(small_run(2, slow_links)), "links");
  MachinesSpec small = small_machines();
  small.hosts[0].memory_bytes = 1e6;
  EXPECT_EQ(limit_of_run(small_run(1, small)), "memory");
}

TEST(RankRange, IsOneOrTwoNumbers) {
  EXPECT_EQ(parse_rank_range("1..1024").last, 1024);
  EXPECT_EQ(parse_rank_range("3..5").first, 3);
  EXPECT_EQ(parse_rank_range("7").first, 7);
  EXPECT_EQ(parse_rank_range("7").last, 7);
  for (const char* bad : {"0..5", "5..1", "", "a..b", "1..", "..4", "1...4", "1..99999999999", "1..70000", "-1..4"}) {
    EXPECT_THROW(parse_rank_range(bad), UsageError) << bad;
  }
}

}  // namespace
}  // namespace gemring
