#include "launch/output/trace_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "distributed/comm/agreement.h"
#include "engine/base/error.h"

namespace gemring {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class TraceFileTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directory(directory_); }
  void TearDown() override { fs::remove_all(directory_); }

  json read() const { return json::parse(std::ifstream(path_)); }

  fs::path directory_ = fs::temp_directory_path() / ("gemring-trace-test-" + std::to_string(getpid()));
  fs::path path_ = directory_ / "trace.json";
  std::unique_ptr<Communicator> world_ = one_rank_communicator();
  Job job_{*world_, {}, {"node \"7\""}};
};

void run_phase(const char* name) {
  active_trace()->begin_phase(name);
  {
    const TraceSpan layer("layer", SpanKind::other, 0, LayerIndex(2));
    const TraceSpan product("gate, up", SpanKind::product, 512);
  }
  { const TraceSpan send("send", SpanKind::send, 4096); }
  active_trace()->end_phase();
}

TEST_F(TraceFileTest, WithoutAPathNothingIsRecordedOrWritten) {
  TraceFile trace(job_, std::nullopt);
  trace.start();
  EXPECT_EQ(active_trace(), nullptr);
  trace.write();
  EXPECT_TRUE(fs::is_empty(directory_));
}

TEST_F(TraceFileTest, PhasesAndSpansAreCompleteEventsOfTheRank) {
  TraceFile trace(job_, path_.string());
  trace.start();
  run_phase("prefill");
  trace.write();
  EXPECT_EQ(active_trace(), nullptr);
  EXPECT_FALSE(fs::exists(path_.string() + ".part"));
  const json file = read();
  EXPECT_EQ(file["displayTimeUnit"], "ms");
  const json& events = file["traceEvents"];
  ASSERT_EQ(events.size(), 6u);
  EXPECT_EQ(events[0]["ph"], "M");
  EXPECT_EQ(events[0]["name"], "process_name");
  EXPECT_EQ(events[0]["args"]["name"].get<std::string>().substr(0, 8), "rank 0 (");
  EXPECT_EQ(events[1]["name"], "thread_name");
  EXPECT_EQ(events[2]["name"], "prefill");
  EXPECT_EQ(events[2]["cat"], "phase");
  EXPECT_EQ(events[4]["name"], "gate, up");
  EXPECT_EQ(events[4]["cat"], "product");
  EXPECT_EQ(events[4]["args"], json({{"layer", 2}, {"tokens", 512}}));
  EXPECT_EQ(events[5]["args"], json({{"bytes", 4096}}));
  for (std::size_t i = 2; i < events.size(); ++i) {
    EXPECT_EQ(events[i]["ph"], "X");
    EXPECT_EQ(events[i]["pid"], 0);
    EXPECT_EQ(events[i]["tid"], 0);
    EXPECT_GE(events[i]["ts"].get<double>(), events[2]["ts"].get<double>());
    EXPECT_GE(events[i]["dur"].get<double>(), 0.0);
  }
}

TEST_F(TraceFileTest, SharesOfAllRunsOfAPhaseAddUpToOne) {
  TraceFile trace(job_, path_.string());
  trace.start();
  run_phase("prefill");
  trace.start();  // goes on
  run_phase("prefill");
  run_phase("decode");
  trace.write();
  const json other = read()["otherData"];
  EXPECT_EQ(other["ranks"], json::parse(R"([{"rank": 0, "host": ")" + other["ranks"][0]["host"].get<std::string>() +
                                        R"(", "spans": 9, "dropped_spans": 0}])"));
  ASSERT_EQ(other["phases"].size(), 2u);
  EXPECT_EQ(other["phases"][0]["phase"], "prefill");
  EXPECT_EQ(other["phases"][0]["runs"], 2);
  EXPECT_EQ(other["phases"][1]["phase"], "decode");
  for (const json& phase : other["phases"]) {
    const auto share = [&](const char* name) { return phase[name].get<double>(); };
    EXPECT_NEAR(share("products") + share("attention") + share("waiting") + share("rest"), 1.0, 1e-5);
    EXPECT_GT(share("products"), 0.0);
    double seconds = 0;
    for (const auto& [kind, value] : phase["seconds_of_kind"].items()) seconds += value.get<double>();
    EXPECT_NEAR(seconds, phase["seconds"].get<double>(), 1e-8);
  }
}

TEST_F(TraceFileTest, SpansThatWereDroppedAreToldInTheFileAndTheLog) {
  TraceFile trace(job_, path_.string(), 4);
  trace.start();
  run_phase("prefill");
  run_phase("decode");
  testing::internal::CaptureStderr();
  trace.write();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("holds its first 4 spans, 2 more were dropped"), std::string::npos) << log;
  const json file = read();
  EXPECT_EQ(file["otherData"]["ranks"][0]["spans"], 4);
  EXPECT_EQ(file["otherData"]["ranks"][0]["dropped_spans"], 2);
  EXPECT_EQ(file["traceEvents"].size(), 2u + 2u + 4u) << "names, both phases, the first spans";
  EXPECT_GT(file["otherData"]["phases"][1]["seconds_of_kind"]["product"].get<double>(), 0.0) << "counted all the same";
}

TEST_F(TraceFileTest, AFileThatCannotBeWrittenIsAnErrorOfAllRanks) {
  TraceFile trace(job_, (directory_ / "gone" / "trace.json").string());
  trace.start();
  try {
    trace.write();
    FAIL() << "no error";
  } catch (const AgreedError& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
  }
}

}  // namespace
}  // namespace gemring
