#include "launch/measure/bench_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/kernels/isa.h"
#include "launch/start/version.h"

namespace gemring {
namespace {

using nlohmann::json;

BenchResult bench_example() {
  BenchResult result;
  result.benchmark = "prefill";
  result.tokens = 100;
  result.counted_tokens = 100;
  result.runs = {{true, 9.0, 9.5, {{RankId(0), "filter", 90.0, 0.0, 0}}},  // warm-ups count nowhere
                 {false, 4.0, 4.5, {{RankId(0), "filter", 3.0, 0.0, 0}, {RankId(0), "prefill", 3.0, 2.5, 0}}},
                 {false, 1.0, 1.5, {{RankId(1), "prefill", 3.0, 0.0, 7, 2.0, 0.25}}},
                 {false, 2.0, 2.5, {{RankId(0), "filter", 6.0, 0.0, 0}}}};
  result.ranks = {{RankId(0), "a", 1, 10}, {RankId(1), "b", 2, 30}};
  result.giga_work = 600;
  result.limiting = Limit::bf16_products;
  result.limit = 400;
  result.weights = DataType::q8_0;
  result.compute = ComputeType::bf16;
  result.kv_type = DataType::bf16;
  result.kept_tokens = 40;
  result.filter_layer = 2;
  result.machines = {{RankId(0), "a", "Some CPU", {4, 5}, true, "SkylakeX"}, {RankId(1), "b", "", {0}, false, "Zen"}};
  return result;
}

TEST(BenchReport, RatesAreTheMedians) {
  EXPECT_EQ(tokens_per_second(bench_example()), 50.0);
  EXPECT_EQ(share_of_limit(bench_example()), 0.75);  // 600 in 2 s of 400 per second
}

TEST(BenchReport, TheMedianOfAnEvenNumberIsTheMiddlesMean) {
  EXPECT_EQ(median({4.0, 1.0, 2.0, 3.0}), 2.5);
}

TEST(BenchReport, ALimitThatIsNotKnownGivesNoShare) {
  BenchResult result = bench_example();
  result.limit = 0;
  EXPECT_EQ(share_of_limit(result), 0.0);
}

TEST(BenchReport, ALineHasEveryField) {
  const std::string line = bench_line(bench_example());
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_EQ(line.back(), '\n');
  const json report = json::parse(line);
  EXPECT_EQ(report["benchmark"], "prefill");
  EXPECT_EQ(report["tokens"], 100);
  EXPECT_EQ(report["tokens_per_second"], 50.0);
  EXPECT_EQ(report["seconds"], json({4.0, 1.0, 2.0}));
  EXPECT_EQ(report["peak_rss_bytes"], 30.0);
  EXPECT_EQ(report["ranks"].size(), 2u);
  EXPECT_EQ(report["rate"], 300.0);
  EXPECT_EQ(report["limit"], 400.0);
  EXPECT_EQ(report["limit_name"], "bf16 products, GFLOP/s");
  EXPECT_EQ(report["share_of_limit"], 0.75);
  EXPECT_EQ(report["weights"], "q8_0");
  EXPECT_EQ(report["compute"], "bf16");
  EXPECT_EQ(report["isa"], std::string(name(active_isa())));
  EXPECT_EQ(report["threads"], 2);
  EXPECT_EQ(report["phases"][1], json({{"name", "prefill"}, {"seconds", 1.0}, {"share", 0.25}}));
}

TEST(BenchReport, ALineHasEveryRunWithItsRanksAndPhases) {
  const json report = json::parse(bench_line(bench_example()));
  ASSERT_EQ(report["runs"].size(), 4u);
  EXPECT_EQ(report["runs"][0]["warmup"], true);
  EXPECT_EQ(report["runs"][0]["phases"][0]["seconds"], 90.0);
  EXPECT_EQ(report["runs"][2]["warmup"], false);
  EXPECT_EQ(report["runs"][2]["seconds"], 1.0);
  EXPECT_EQ(report["runs"][2]["time_to_first_token_seconds"], 1.5);
  const json& phase = report["runs"][2]["phases"][0];
  EXPECT_EQ(phase["rank"], 1);
  EXPECT_EQ(phase["name"], "prefill");
  EXPECT_EQ(phase["wait_seconds"], 0.0);
  EXPECT_EQ(phase["bytes_sent"], 7.0);
  EXPECT_EQ(phase["compute_seconds"], 3.0);
  EXPECT_EQ(phase["transfer_seconds"], 2.0);
  EXPECT_EQ(phase["exposed_seconds"], 0.25);
}

TEST(BenchReport, ALineSaysWhereEachRankRanAndWhatWasAsked) {
  BenchResult result = bench_example();
  const json report = json::parse(bench_line(result));
  EXPECT_EQ(report["machines"][0], json({{"rank", 0},
                                         {"host", "a"},
                                         {"processor", "Some CPU"},
                                         {"cores", {4, 5}},
                                         {"pinned", true},
                                         {"blas_core", "SkylakeX"}}));
  EXPECT_EQ(report["machines"][1]["pinned"], false);
  EXPECT_EQ(report["kv_type"], "bf16");
  EXPECT_EQ(report["message_type"], "f32");
  EXPECT_EQ(report["kept_tokens"], 40);
  EXPECT_EQ(report["filter_layer"], 2);
  EXPECT_EQ(report["decode_tokens"], 0);
  EXPECT_EQ(report["version"], program_version());
  result.filter_layer.reset();
  EXPECT_EQ(json::parse(bench_line(result))["filter_layer"], -1);
}

TEST(BenchReport, OfAPhaseTheRankThatWorksLongestCounts) {
  const std::vector<PhaseShare> shares = phase_shares(repetition_phases(bench_example()), 3);
  ASSERT_EQ(shares.size(), 2u);
  EXPECT_EQ(shares[0].name, "filter");
  EXPECT_EQ(shares[0].seconds, 3.0);  // 3 + 6 in 3 repetitions
  EXPECT_EQ(shares[0].share, 0.75);
  EXPECT_EQ(shares[1].seconds, 1.0);  // rank 1's 3; rank 0 waited most of its own
  EXPECT_EQ(shares[1].share, 0.25);
}

TEST(BenchReport, TheTableNamesWhatWasMeasured) {
  const std::string table = bench_table(bench_example());
  for (const char* words :
       {"prefill ", " 100 ", "q8_0", "bf16", " 50.00 ", "300.0 of 400.0 (bf16 products, GFLOP/s): 0.75 of the limit",
        "filter 0.75, prefill 0.25"}) {
    EXPECT_NE(table.find(words), std::string::npos) << words << " is not in\n" << table;
  }
}

TEST(BenchReport, LimitsAreOneLineARank) {
  const std::vector<RankLimits> limits = {{RankId(0), "a", 2, "avx2", 100, 0, 0, 20.5},
                                          {RankId(1), "b", 2, "avx2", 90, 0, 0, 20}};
  const std::string lines = limits_lines(limits);
  const std::size_t end = lines.find('\n');
  const json first = json::parse(lines.substr(0, end));
  EXPECT_EQ(first["benchmark"], "limits");
  EXPECT_EQ(first["rank"], 0);
  EXPECT_EQ(first["host"], "a");
  EXPECT_EQ(first["kernels"], "avx2");
  EXPECT_EQ(first["bf16_gflops"], 0.0);
  EXPECT_EQ(first["memory_read_gbs"], 20.5);
  EXPECT_EQ(json::parse(lines.substr(end + 1))["f32_gflops"], 90.0);
  EXPECT_NE(limits_table(limits).find("20.5"), std::string::npos);
}

TEST(BenchReport, AKernelsLineAndRowSayTheSame) {
  KernelRate rate;
  rate.kernel = "linear";
  rate.shape = "down: 8192 -> 2048";
  rate.tokens = 512;
  rate.weights = DataType::q4_k;
  rate.compute = ComputeType::bf16;
  rate.seconds = {0.5, 0.25};
  rate.rate = 50;
  rate.limit = 200;
  rate.limit_name = "bf16 products, GFLOP/s";
  const json line = json::parse(kernel_line(rate));
  EXPECT_EQ(line["benchmark"], "kernels");
  EXPECT_EQ(line["kernel"], "linear");
  EXPECT_EQ(line["shape"], "down: 8192 -> 2048");
  EXPECT_EQ(line["tokens"], 512);
  EXPECT_EQ(line["weights"], "q4_k");
  EXPECT_EQ(line["compute"], "bf16");
  EXPECT_EQ(line["seconds"], json({0.5, 0.25}));
  EXPECT_EQ(line["share_of_limit"], 0.25);
  const std::string row = kernel_table_row(rate);
  for (const char* words : {"| linear ", "down: 8192 -> 2048", " 512 |", "q4_k", " 50.0 |", " 200.0 |", " 0.25 |"}) {
    EXPECT_NE(row.find(words), std::string::npos) << words << " is not in\n" << row;
  }
  EXPECT_EQ(std::count(row.begin(), row.end(), '|'), 10);
}

}  // namespace
}  // namespace gemring
