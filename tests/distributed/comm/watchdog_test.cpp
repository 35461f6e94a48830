#include "distributed/comm/watchdog.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <mutex>
#include <optional>

#include "engine/base/log.h"
#include "engine/base/trace.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

constexpr double kTimeout = 0.5;  // where an alarm is wanted: nothing else may raise it

/// What the watch of this rank reported.
class Alarm {
 public:
  struct Report {
    RankId rank;
    ExitCode code;
    ErrorText text;
  };

  WatchdogOptions options(double timeout) {
    WatchdogOptions options{.timeout = timeout, .hosts = {}, .on_failure = [this](RankId rank, const Error& error) {
                              const std::lock_guard held(mutex_);
                              report_ = Report{rank, error.code(), error.text()};
                            }};
    for (int rank = 0; rank < world().size(); ++rank) options.hosts.push_back("host" + std::to_string(rank));
    return options;
  }
  std::optional<Report> report() const {
    const std::lock_guard held(mutex_);
    return report_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<Report> report_;
};

void sleep_ms(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

/// Rank 0 stays until its watch has reported, twenty seconds at most, the others until rank 0 lets them go.
std::optional<Alarm::Report> report_on_first(const Alarm& alarm) {
  if (world().member() != 0) {
    world().receive({}, 0, MessageKind::control).wait();
    return std::nullopt;
  }
  for (int time = 0; time < 2000 && !alarm.report(); ++time) sleep_ms(10);
  for (int rank = 1; rank < world().size(); ++rank) world().send({}, rank, MessageKind::control).wait();
  return alarm.report();
}

TEST(Watchdog, NamesTheRankThatStandsStillAndWhere) {
  const int last = world().size() - 1;
  Alarm alarm;
  const Watchdog watch(world(), alarm.options(kTimeout));
  const DrivingThread drives(DrivingThread::Role::worker);
  set_log_phase("prefill");
  std::optional<Alarm::Report> report;
  if (world().member() == last) {  // has all it needs, and does nothing
    const TraceSpan layer("layer", SpanKind::other, 1, LayerIndex(3));
    const RingStepMark ring(0, 2);
    const TraceSpan attend("attend", SpanKind::attention);
    if (last == 0) {
      report = report_on_first(alarm);
    } else {  // until rank 0 says so, without a mark
      Transfer over = world().receive({}, 0, MessageKind::control);
      while (!over.done()) sleep_ms(5);
    }
  } else {
    const WaitMark waiting(last);
    report = report_on_first(alarm);
  }
  if (world().member() != 0) return;
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->rank, RankId(last));
  EXPECT_EQ(report->text.where, "rank " + std::to_string(last) + " on host" + std::to_string(last));
  EXPECT_NE(report->text.problem.find("prefill, layer 3, ring step 1 of 2, attend"), std::string::npos)
      << report->text.problem;
}

TEST(Watchdog, SaysThatAllWaitForEachOther) {
  Alarm alarm;
  const Watchdog watch(world(), alarm.options(kTimeout));
  const DrivingThread drives(DrivingThread::Role::worker);
  set_log_phase("decode");
  const int last = world().size() - 1;
  std::optional<Alarm::Report> report;
  if (world().member() == 0) {
    const WaitMark waiting(last > 0 ? last : std::int32_t{kOwnWorker});
    report = report_on_first(alarm);
  } else {
    report_on_first(alarm);  // the real wait for rank 0
  }
  if (world().member() != 0) return;
  ASSERT_TRUE(report.has_value());
  EXPECT_NE(report->text.problem.find("all wait for each other"), std::string::npos) << report->text.problem;
  EXPECT_NE(report->text.problem.find("rank 0 on host0: decode; waits for "), std::string::npos);
  EXPECT_EQ(report->text.problem.find("decode; waits for rank 0") != std::string::npos, last > 0);
}

TEST(Watchdog, EndsAtOnceWhereAllRanksAreDone) {
  Alarm alarm;
  const auto begin = std::chrono::steady_clock::now();
  { const Watchdog watch(world(), alarm.options(3600)); }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_FALSE(alarm.report());
}

TEST(Watchdog, OffItStillSaysWhereTheRankIs) {
  Alarm alarm;
  const Watchdog watch(world(), alarm.options(0));
  set_log_phase("load");
  testing::internal::CaptureStderr();
  raise(SIGUSR1);
  sleep_ms(300);
  std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("rank " + std::to_string(world().member())), std::string::npos) << said;
  EXPECT_NE(said.find(": load\n"), std::string::npos) << said;
}

}  // namespace
}  // namespace gemring
