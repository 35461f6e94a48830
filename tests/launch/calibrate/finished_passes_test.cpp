#include "launch/calibrate/finished_passes.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/files.h"

namespace gemring {
namespace {

CalibrationCase pass_of(float value) {
  CalibrationCase pass;
  pass.layer_sums = {value, -value};
  for (std::size_t i = 0; i < pass.head_scores.size(); ++i) pass.head_scores[i].assign(3 + i, value + 1);
  return pass;
}

class FinishedPassesFile : public testing::Test {
 protected:
  test::TemporaryDirectory folder_;
  std::string path_ = folder_.file("calibrations/0x1.part");
};

TEST_F(FinishedPassesFile, WhatARunLeftTheNextOneOfItsNumberFinds) {
  {
    FinishedPasses first(path_, 7);
    EXPECT_EQ(first.size(), 0u);
    first.add(512, 0, pass_of(1));
    first.add(0, 3, pass_of(2));
  }
  FinishedPasses second(path_, 7);
  EXPECT_EQ(second.size(), 2u);
  EXPECT_FALSE(second.has(512, 3));
  ASSERT_TRUE(second.has(0, 3));
  const CalibrationCase pass = second.take(0, 3);
  EXPECT_EQ(pass.layer_sums, pass_of(2).layer_sums);
  EXPECT_EQ(pass.head_scores, pass_of(2).head_scores);
  second.remove();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(FinishedPassesFile, ATornEndIsLeftOutAndWrittenOver) {
  { FinishedPasses(path_, 7).add(512, 0, pass_of(1)); }
  const auto whole = std::filesystem::file_size(path_);
  { FinishedPasses(path_, 7).add(512, 1, pass_of(2)); }
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 5);
  {
    FinishedPasses torn(path_, 7);
    EXPECT_EQ(torn.size(), 1u);
    EXPECT_EQ(std::filesystem::file_size(path_), whole);
    torn.add(512, 2, pass_of(3));
  }
  FinishedPasses again(path_, 7);
  EXPECT_TRUE(again.has(512, 0) && again.has(512, 2) && again.size() == 2);
}

TEST_F(FinishedPassesFile, AnotherRunsAreNotTaken) {
  { FinishedPasses(path_, 7).add(512, 0, pass_of(1)); }
  EXPECT_EQ(FinishedPasses(path_, 8).size(), 0u);
  EXPECT_EQ(FinishedPasses(path_, 7).size(), 0u) << "they are gone";
}

TEST_F(FinishedPassesFile, WhatIsNoneOrAnotherCalibrationsCostsNothingButTheResuming) {
  FinishedPasses running(path_, 7);
  FinishedPasses beside(path_, 7);
  beside.add(512, 0, pass_of(1));
  running.add(512, 1, pass_of(1));
  beside.remove();
  EXPECT_TRUE(std::filesystem::exists(path_)) << "it is the first one's";
  FinishedPasses nowhere("/proc/nowhere/x.part", 7);
  nowhere.add(512, 0, pass_of(1));
  FinishedPasses none(std::nullopt, 7);
  none.add(512, 0, pass_of(1));
  none.remove();
  EXPECT_EQ(none.size(), 0u);
}

}  // namespace
}  // namespace gemring
