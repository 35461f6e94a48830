#include "launch/eval/case_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/files.h"

namespace gemring {
namespace {

const std::vector<EvalTask>& all() {
  static const Hay kHay("One two. Three four.");
  static const std::vector<EvalTask> kTasks = ruler_tasks(kHay);
  return kTasks;
}

std::vector<std::string> ids_of(const std::vector<PlannedCase>& cases) {
  std::vector<std::string> ids;
  for (const PlannedCase& one : cases) ids.push_back(one.id);
  return ids;
}

TEST(CasePlan, NiahAsksEveryDepthOfEveryLength) {
  EvalOptions options;
  options.lengths = "1024..2048";
  options.depths = "0,100";
  options.samples = 1;
  const std::vector<EvalTask> tasks = chosen_tasks(options, all());
  const std::vector<PlannedCase> cases = plan_cases(options, tasks, 0);
  EXPECT_EQ(ids_of(cases), (std::vector<std::string>{"niah_single_2/1024/0/0", "niah_single_2/1024/100/0",
                                                     "niah_single_2/2048/0/0", "niah_single_2/2048/100/0"}));
  EXPECT_EQ(cases.at(1).depth(), 100);
  EXPECT_EQ(cases.at(1).shape.depth, 1);
  EXPECT_EQ(cases.at(1).max_new_tokens, 128);
}

TEST(CasePlan, RulerAsksAllTasksAtDrawnDepths) {
  EvalOptions options;
  options.suite = EvalSuite::ruler;
  options.samples = 20;
  options.max_new_tokens = 9;
  const std::vector<EvalTask> tasks = chosen_tasks(options, all());
  const std::vector<PlannedCase> cases = plan_cases(options, tasks, 0);
  EXPECT_EQ(tasks.size(), 11u);
  EXPECT_EQ(cases.size(), 220u);
  EXPECT_EQ(cases.at(0).id, "niah_single_1/4096/drawn/0");
  EXPECT_EQ(cases.back().id, "fwe/4096/-/19");
  EXPECT_EQ(cases.back().depth(), std::nullopt);
  EXPECT_EQ(cases.back().max_new_tokens, 9);
  std::set<double> depths;
  std::set<std::uint64_t> seeds;
  for (const PlannedCase& one : cases) {
    if (one.task->has_depth) depths.insert(one.depth().value_or(-1));
    seeds.insert(one.shape.seed);
  }
  EXPECT_GT(depths.size(), 20u);
  EXPECT_TRUE(*depths.begin() >= 0 && *depths.rbegin() <= 100);
  EXPECT_EQ(seeds.size(), cases.size());
}

TEST(CasePlan, ACaseHangsOnItsIdAndTheSeedAlone) {
  EvalOptions options;
  options.lengths = "4096";
  const std::vector<EvalTask> tasks = chosen_tasks(options, all());
  const std::vector<PlannedCase> few = plan_cases(options, tasks, 0);
  options.lengths = "1024,4096";
  options.samples = 9;
  const std::vector<PlannedCase> many = plan_cases(options, tasks, 0);
  for (const PlannedCase& one : few) {
    const auto same = std::find_if(many.begin(), many.end(), [&](const PlannedCase& o) { return o.id == one.id; });
    ASSERT_NE(same, many.end()) << one.id;
    EXPECT_EQ(same->shape.seed, one.shape.seed);
  }
  options.seed = 2;
  EXPECT_NE(plan_cases(options, tasks, 0).at(0).shape.seed, many.at(0).shape.seed);
}

TEST(CasePlan, QaAsksEveryQuestionOrTheFirstOnes) {
  EvalOptions options;
  options.suite = EvalSuite::qa;
  const std::vector<EvalTask> tasks = {all().at(0)};
  EXPECT_EQ(plan_cases(options, tasks, 7).size(), 7u);
  options.samples = 3;
  EXPECT_EQ(plan_cases(options, tasks, 7).size(), 3u);
  options.samples = 30;
  EXPECT_EQ(plan_cases(options, tasks, 7).size(), 7u);
}

TEST(CasePlan, TasksAreChosenByNameAndOthersRefused) {
  EvalOptions options;
  options.tasks = "vt,niah_single_1";
  const std::vector<EvalTask> tasks = chosen_tasks(options, all());
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(tasks[0].name, "vt");
  for (const char* list : {"vt,nothing", "vt,vt", "", "vt,"}) {
    options.tasks = list;
    EXPECT_TRUE(test::error_of<UsageError>([&] { chosen_tasks(options, all()); }).starts_with("--tasks: '")) << list;
  }
}

}  // namespace
}  // namespace gemring
