#include "launch/eval/summary.h"

#include <gtest/gtest.h>

#include "launch/eval/eval_run.h"
#include "tests/launch/eval/results.h"

namespace gemring {
namespace {

std::vector<CaseResult> examples() {
  return {test::case_result("niah_single_1", 1024, 0, "full", 1),
          test::case_result("niah_single_1", 1024, 50, "full", 0.5),
          test::case_result("niah_single_1", 2048, 0, "full", 0),
          test::case_result("fwe", 1024, 0, "full", 0.25),
          test::case_result("niah_single_1", 1024, 0, "profile", 1),
          test::case_result("niah_single_1", 1024, 50, "profile", 1)};
}

TEST(Summary, CategoriesLengthsAndMethodsStandApart) {
  EXPECT_EQ(table_text(category_rows(examples())),
            "category     length  method   cases  accuracy  recall  first token s  filter s  kept\n"
            "retrieval      1024  full         2      75.0   1.000           4.00      0.00  1014\n"
            "retrieval      1024  profile      2     100.0   0.500           1.50      1.00   512\n"
            "retrieval      2048  full         1       0.0   1.000           4.00      0.00  2038\n"
            "aggregation    1024  full         1      25.0   1.000           4.00      0.00  1014\n");
}

TEST(Summary, SeveralTasksHaveARowEach) {
  EXPECT_EQ(table_text(task_rows(examples())),
            "task           length  full  profile\n"
            "niah_single_1    1024  75.0    100.0\n"
            "niah_single_1    2048   0.0        -\n"
            "fwe              1024  25.0        -\n");
  EXPECT_NE(summary_text(examples()).find("\naccuracy by task\n"), std::string::npos);
  const std::vector<CaseResult> one_task = {examples().at(0)};
  EXPECT_EQ(summary_text(one_task).find("accuracy by task"), std::string::npos);
  EXPECT_EQ(summary_text({}), "category  length  method  cases  accuracy  recall  first token s  filter s  kept\n");
}

TEST(Summary, RecallIsTheShareOfTheAnswersTokensThatWereKept) {
  const auto at = [](std::initializer_list<int> positions) {
    std::vector<OriginalPosition> all;
    for (const int position : positions) all.emplace_back(position);
    return all;
  };
  EXPECT_EQ(recall_of(at({3, 4, 9, 11}), at({0, 4, 5, 9})), 0.5);
  EXPECT_EQ(recall_of(at({3}), at({})), 0);
  EXPECT_EQ(recall_of({}, at({1})), std::nullopt);
}

}  // namespace
}  // namespace gemring
