#include "launch/output/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace gemring {
namespace {

using nlohmann::json;

GenerationResult generation_example() {
  GenerationResult result;
  result.prompt_tokens = 4;
  result.generated_ids = {TokenId(7), TokenId(2)};
  result.kept = {OriginalPosition(0), OriginalPosition(1), OriginalPosition(3)};
  result.scores = {0.5f, -1.25f, 0.0f, 2.0f};
  result.phases = {{RankId(1), "filter", 1.5, 0.25, 5'000'000'000ull, 0.5, 0.125}};
  result.ranks = {{RankId(0), "node1", 2, 3'000'000'000ull}};
  result.time_to_first_token_seconds = 0.5;
  result.prefill_tokens_per_second = 8;
  result.decode_tokens_per_second = 4;
  return result;
}

const std::vector<TokenId> kPrompt = {TokenId(5), TokenId(6), TokenId(7), TokenId(8)};

const ReportHead kHead = {"models/a\xff", 7, false};

TEST(Report, FieldsHaveTheProtosNamesAndCountsAreNumbers) {
  const json report = json::parse(generation_report(generation_example(), kPrompt, nullptr, kHead));
  EXPECT_EQ(report["prompt_tokens"], 4);
  EXPECT_EQ(report["generated_ids"], json({7, 2}));
  EXPECT_EQ(report["kept_indices"], json({0, 1, 3}));
  EXPECT_EQ(report["scores"], json({0.5, -1.25, 0.0, 2.0}));
  EXPECT_EQ(report["phases"][0]["rank"], 1);
  EXPECT_EQ(report["phases"][0]["name"], "filter");
  EXPECT_EQ(report["phases"][0]["seconds"], 1.5);
  EXPECT_EQ(report["phases"][0]["wait_seconds"], 0.25);
  EXPECT_EQ(report["phases"][0]["bytes_sent"], 5e9);
  EXPECT_EQ(report["phases"][0]["compute_seconds"], 1.25);
  EXPECT_EQ(report["phases"][0]["transfer_seconds"], 0.5);
  EXPECT_EQ(report["phases"][0]["exposed_seconds"], 0.125);
  EXPECT_EQ(report["phases"][0]["hidden_share"], 0.75);
  EXPECT_EQ(report["ranks"][0]["rank"], 0);  // a default value, printed all the same
  EXPECT_EQ(report["ranks"][0]["host"], "node1");
  EXPECT_EQ(report["ranks"][0]["threads"], 2);
  EXPECT_EQ(report["ranks"][0]["peak_rss_bytes"], 3e9);
  EXPECT_EQ(report["time_to_first_token_seconds"], 0.5);
  EXPECT_EQ(report["prefill_tokens_per_second"], 8);
  EXPECT_EQ(report["decode_tokens_per_second"], 4);
}

TEST(Report, ItSaysWhyTheAnswerEndedAndWhatItCameFrom) {
  GenerationResult result = generation_example();
  result.stop_reason = StopReason::end_token;
  json report = json::parse(generation_report(result, kPrompt, nullptr, kHead));
  EXPECT_EQ(report["finish_reason"], "stop");
  EXPECT_EQ(report["model"], "models/a\xef\xbf\xbd");  // a name that is no UTF-8
  EXPECT_EQ(report["seed"], 7);
  EXPECT_FALSE(report["version"].get<std::string>().empty());
  result.stop_reason = StopReason::length;
  report = json::parse(generation_report(result, kPrompt, nullptr, kHead));
  EXPECT_EQ(report["finish_reason"], "length");
  report = json::parse(generation_report(result, kPrompt, nullptr, {"m", 7, /*interrupted=*/true}));
  EXPECT_EQ(report["finish_reason"], "interrupted");
}

TEST(Report, TheTableSaysWhatWasComputedWaitedForAndHidden) {
  GenerationResult result = generation_example();
  result.phases.push_back({RankId(0), "select", 0.5, 0, 0, 0, 0});
  EXPECT_EQ(phase_table(result.phases, result.ranks),
            "rank  phase      seconds  computed    waited      bytes sent  hidden\n"
            "   1  filter       1.500     1.250     0.250   5,000,000,000    75 %\n"
            "   0  select       0.500     0.500     0.000               0       -\n"
            "   0  2 threads on node1, peak 2,861 MiB\n");
}

TEST(Report, NeighbouringKeptTokensAreOneSpan) {
  const json spans = json::parse(generation_report(generation_example(), kPrompt, nullptr, kHead))["kept_spans"];
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[0]["begin"], 0);
  EXPECT_EQ(spans[0]["end"], 2);
  EXPECT_EQ(spans[1]["begin"], 3);
  EXPECT_EQ(spans[1]["end"], 4);
}

TEST(Report, WithoutATokenizerTextsAreThereAndEmpty) {
  const json report = json::parse(generation_report(generation_example(), kPrompt, nullptr, kHead));
  EXPECT_EQ(report["text"], "");
  EXPECT_EQ(report["kept_spans"][0]["text"], "");
}

TEST(Report, AnEmptyResultStillHasEveryField) {
  const json report = json::parse(generation_report({}, {}, nullptr, {}));
  for (const char* field : {"text", "prompt_tokens", "generated_ids", "kept_indices", "scores", "kept_spans", "phases",
                            "ranks", "time_to_first_token_seconds", "prefill_tokens_per_second",
                            "decode_tokens_per_second", "finish_reason", "model", "seed", "version"}) {
    EXPECT_TRUE(report.contains(field)) << field;
  }
}

TEST(Report, KeptTextShowsSpecialTokensAndBrokenUtf8IsReplaced) {
  const Tokenizer tokenizer = Tokenizer::load(GEMRING_DEMO_MODEL);
  const std::vector<TokenId> prompt = tokenizer.encode("<|im_start|>caf\xc3\xa9").ids;
  GenerationResult result;
  for (std::size_t i = 0; i < prompt.size(); ++i) result.kept.emplace_back(i);
  result.generated_ids = {prompt.begin() + 1, prompt.end()};
  const json report = json::parse(generation_report(result, prompt, &tokenizer, kHead));
  EXPECT_EQ(report["kept_spans"][0]["text"], "<|im_start|>caf\xc3\xa9");
  EXPECT_EQ(report["text"], "caf\xc3\xa9");
}

}  // namespace
}  // namespace gemring
