#include "launch/requests/requests_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace gemring {
namespace {

using nlohmann::json;

const RequestPlace kPlace = {3, 5, "a \"b\"\n\xe2\x80\xa8"};

GenerationResult answer() {
  GenerationResult result;
  result.prompt_tokens = 40;
  result.generated_ids = {TokenId(7), TokenId(2)};
  result.stop_reason = StopReason::end_token;
  result.kept = {OriginalPosition(0), OriginalPosition(1), OriginalPosition(3)};
  result.read_tokens = 3;
  result.filter_seconds = 0.25;
  result.time_to_first_token_seconds = 0.5;
  result.seconds = 1.5;
  result.decode_tokens_per_second = 1;
  return result;
}

TEST(RequestsReport, AResultIsOneLineThatEchoesItsRequest) {
  const std::string line = result_line(kPlace, answer(), nullptr, {"m", 5});
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_EQ(line.find("\xe2\x80\xa8"), std::string::npos);  // ends a line in some reader's eyes
  EXPECT_EQ(json::parse(line), json({{"id", kPlace.id},
                                     {"index", 3},
                                     {"line", 5},
                                     {"text", ""},
                                     {"generated_ids", {7, 2}},
                                     {"finish_reason", "stop"},
                                     {"seed", 5},
                                     {"usage",
                                      {{"prompt_tokens", 40},
                                       {"kept_tokens", 3},
                                       {"completion_tokens", 2},
                                       {"total_tokens", 42},
                                       {"reused_tokens", 0}}},
                                     {"times",
                                      {{"filter_seconds", 0.25},
                                       {"time_to_first_token_seconds", 0.5},
                                       {"seconds", 1.5},
                                       {"decode_tokens_per_second", 1.0}}}}));
}

TEST(RequestsReport, AnAnswerThatWasCutShortSaysSo) {
  GenerationResult result = answer();
  result.stop_reason = StopReason::length;
  EXPECT_EQ(json::parse(result_line(kPlace, result, nullptr, {"m", 5}))["finish_reason"], "length");
}

TEST(RequestsReport, AnErrorStandsInTheResultsPlace) {
  const ConfigError error({"prompt", "has 9 tokens \xff", "shorten it"});
  const json line = json::parse(error_line(kPlace, error));
  EXPECT_EQ(line["index"], 3);
  EXPECT_EQ(line["line"], 5);
  EXPECT_EQ(line["id"], kPlace.id);
  EXPECT_EQ(line["finish_reason"], "error");
  EXPECT_EQ(line["error"],
            json({{"code", 3}, {"message", "prompt: has 9 tokens \xef\xbf\xbd"}, {"advice", "shorten it"}}));
  EXPECT_FALSE(line.contains("usage"));
}

TEST(RequestsReport, TheRunsReportAddsUp) {
  const RequestTotals totals{8, 1, 3, 2.0, 5e9, 50};
  const JobReport job{{{RankId(1), "decode", 2.0, 0.5, 7, 0.5, 0.125}}, {{RankId(0), "node1", 2, 100}}};
  const json report = json::parse(requests_report(totals, job));
  EXPECT_EQ(report["requests"], 8);
  EXPECT_EQ(report["failed"], 1);
  EXPECT_EQ(report["parallel"], 3);
  EXPECT_EQ(report["prompt_tokens"], 5e9);
  EXPECT_EQ(report["phases"][0]["compute_seconds"], 1.5);
  EXPECT_EQ(report["phases"][0]["hidden_share"], 0.75);
  EXPECT_EQ(report["ranks"][0]["host"], "node1");
  EXPECT_EQ(
      totals_text(totals),
      "8 requests, 1 of them failed; 5,000,000,000 prompt tokens read and 50 generated in 2.00 s (25.00 tokens/s)");
}

TEST(RequestsReport, ProgressTellsWhatIsDoneAndWhatIsLeft) {
  EXPECT_EQ(requests_progress({3, 0, 0, 24, 0, 300}, 8), "requests 3 of 8   12.5 tokens/s   40 s left");
  EXPECT_EQ(requests_progress({3, 0, 0, 24, 0, 300}, 0), "requests 3   12.5 tokens/s");
  EXPECT_EQ(requests_progress({0, 0, 0, 0, 0, 0}, 8), "requests 0 of 8   0.0 tokens/s");
  EXPECT_EQ(requests_progress({8, 0, 0, 24, 0, 300}, 8), "requests 8 of 8   12.5 tokens/s");
}

}  // namespace
}  // namespace gemring
