#include "engine/base/log.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

/// What `action` writes to stderr.
template <class Action>
std::string written_by(Action&& action) {
  CaptureStderr();
  action();
  return GetCapturedStderr();
}

TEST(Log, ALineHasLevelRankHostAndPhase) {
  configure_log({}, RankId(0), "node1");
  set_log_phase("prefill");
  const std::string line = written_by([] { log_info("{} tokens", 5); });
  EXPECT_EQ(line.substr(line.find(' ')), " info  rank 0 node1 prefill: 5 tokens\n");
}

TEST(Log, OtherRanksWarnOnly) {
  configure_log({}, RankId(1), "node1");
  EXPECT_EQ(written_by([] { log_info("quiet"); }), "");
  EXPECT_NE(written_by([] { log_warn("loud"); }).find("rank 1 node1"), std::string::npos);
}

TEST(Log, DebugIsWrittenWhereAskedFor) {
  configure_log({.level = LogLevel::debug}, RankId(0), "node1");
  EXPECT_NE(written_by([] { log_debug("detail"); }).find("detail"), std::string::npos);
  configure_log({}, RankId(0), "node1");
  EXPECT_EQ(written_by([] { log_debug("detail"); }), "");
}

TEST(Log, OffSilencesAllButTheRawLine) {
  configure_log({.level = LogLevel::off}, RankId(0), "node1");
  EXPECT_EQ(written_by([] { log_warn("never"); }), "");
  EXPECT_EQ(written_by([] { log_raw("gemring: broken\n"); }), "gemring: broken\n");
}

TEST(Log, JsonEscapesWhatTheMessageHolds) {
  configure_log({.format = LogFormat::json}, RankId(0), "node1");
  set_log_phase("load");
  const std::string line = written_by([] { log_info("a \"quoted\"\nline \\"); });
  EXPECT_NE(line.find(R"("level":"info","rank":0,"host":"node1",)"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("phase":"load","msg":"a \"quoted\"\nline \\"})"), std::string::npos) << line;
}

}  // namespace
}  // namespace gemring
