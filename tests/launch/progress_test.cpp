#include "launch/progress.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

TEST(Progress, ShowsPhaseShareAndTimeLeft) {
  EXPECT_EQ(progress_text("filter", 25, 100, 10), "filter    25 %   30 s left");
}

TEST(Progress, NothingDoneGivesNoEstimate) {
  EXPECT_EQ(progress_text("prefill", 0, 100, 5), "prefill    0 %");
}

TEST(Progress, ADonePhaseHasNoTimeLeft) {
  EXPECT_EQ(progress_text("decode", 100, 100, 5), "decode   100 %");
  EXPECT_EQ(progress_text("decode", 120, 100, 5), "decode   100 %");
}

TEST(Progress, AnEmptyPhaseDoesNotDivideByZero) {
  EXPECT_EQ(progress_text("filter", 0, 0, 1), "filter     0 %");
}

TEST(Progress, LongTimesAreInMinutesAndHours) {
  EXPECT_EQ(duration_text(59.4), "59 s");
  EXPECT_EQ(duration_text(185), "3 min 5 s");
  EXPECT_EQ(duration_text(7800), "2 h 10 min");
}

TEST(Progress, NeverWritesNothing) {
  testing::internal::CaptureStderr();
  {
    ProgressLine line(ProgressMode::never);
    line.update("filter", 1, 2);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Progress, AlwaysWritesOneLineOverItselfAndWipesIt) {
  testing::internal::CaptureStderr();
  {
    ProgressLine line(ProgressMode::always);
    line.update("filter", 0, 2);
    line.update("filter", 1, 2);  // within 200 ms of the last: not written
    line.update("filter", 2, 2);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "\rfilter     0 %\rfilter   100 %\r              \r");
}

}  // namespace
}  // namespace gemring
