#include "launch/output/progress.h"

#include <gtest/gtest.h>

#include <string_view>
#include <thread>

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

TEST(Progress, TextsAndPhasesOfSeveralThreadsDoNotMix) {
  testing::internal::CaptureStderr();
  std::string said;
  {
    ProgressLine line(ProgressMode::always);
    std::thread phases([&] {
      for (int i = 0; i < 200; ++i) line.update("filter", 2, 2);
    });
    for (int i = 0; i < 200; ++i) {
      line.show([] { return std::string("requests"); }, true);
      line.make_way([&] { said += 'x'; });
    }
    phases.join();
  }
  const std::string written = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said, std::string(200, 'x'));
  // Every carriage return stands before a whole text of one of the two, or before blanks.
  for (std::size_t at = written.find('\r'); at != std::string::npos; at = written.find('\r', at + 1)) {
    const std::string_view rest = std::string_view(written).substr(at + 1);
    EXPECT_TRUE(rest.empty() || rest.starts_with("requests") || rest.starts_with("filter   100 %") ||
                rest.starts_with("  ") || rest.front() == '\r')
        << rest.substr(0, 40);
  }
}

}  // namespace
}  // namespace gemring
