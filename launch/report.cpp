#include "launch/report.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <span>

#include "engine/base/check.h"
#include "engine/base/format.h"
#include "engine/selection/selection.h"
#include "proto/inference.pb.h"

namespace gemring {
namespace {

std::string to_json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  GEMRING_CHECK(status.ok(), "{}", std::string(status.message()));
  return json;
}

template <class Repeated>
void add_ranks(const std::vector<RankReport>& ranks, Repeated& out) {
  for (const RankReport& rank : ranks) {
    proto::Rank& entry = *out.Add();
    entry.set_rank(rank.rank.value());
    entry.set_host(rank.host);
    entry.set_threads(rank.threads);
    entry.set_peak_rss_bytes(static_cast<double>(rank.peak_rss_bytes));
  }
}

void add_kept(const GenerationResult& result, const std::vector<TokenId>& prompt, const Tokenizer* tokenizer,
              proto::Report& report) {
  for (const OriginalPosition position : result.kept) report.add_kept_indices(position.value());
  for (const KeptSpan span : kept_spans(result.kept)) {
    proto::KeptSpan& entry = *report.add_kept_spans();
    entry.set_begin(span.begin.value());
    entry.set_end(span.end.value());
    if (tokenizer == nullptr) continue;
    const auto ids = std::span(prompt).subspan(span.begin.index(), span.end.index() - span.begin.index());
    entry.set_text(tokenizer->decode(ids, /*keep_special=*/true));
  }
}

}  // namespace

std::string generation_report(const GenerationResult& result, const std::vector<TokenId>& prompt,
                              const Tokenizer* tokenizer) {
  proto::Report report;
  if (tokenizer != nullptr) report.set_text(tokenizer->decode(result.generated_ids));
  report.set_prompt_tokens(result.prompt_tokens);
  for (const TokenId id : result.generated_ids) report.add_generated_ids(id.value());
  add_kept(result, prompt, tokenizer, report);
  report.mutable_scores()->Add(result.scores.begin(), result.scores.end());
  for (const PhaseReport& phase : result.phases) {
    proto::Phase& entry = *report.add_phases();
    entry.set_rank(phase.rank.value());
    entry.set_name(phase.name);
    entry.set_seconds(phase.seconds);
    entry.set_wait_seconds(phase.wait_seconds);
    entry.set_bytes_sent(static_cast<double>(phase.bytes_sent));
  }
  add_ranks(result.ranks, *report.mutable_ranks());
  report.set_time_to_first_token_seconds(result.time_to_first_token_seconds);
  report.set_prefill_tokens_per_second(result.prefill_tokens_per_second);
  report.set_decode_tokens_per_second(result.decode_tokens_per_second);
  return to_json(report);
}

double median(std::vector<double> values) {
  GEMRING_CHECK(!values.empty(), "no values");
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double tokens_per_second(const BenchResult& result) {
  return result.counted_tokens / median(result.seconds);
}

std::uint64_t largest_peak_rss(const std::vector<RankReport>& ranks) {
  std::uint64_t largest = 0;
  for (const RankReport& rank : ranks) largest = std::max(largest, rank.peak_rss_bytes);
  return largest;
}

std::string bench_report(const BenchResult& result) {
  proto::BenchReport report;
  report.set_benchmark(result.benchmark);
  report.set_tokens(result.tokens);
  report.set_tokens_per_second(tokens_per_second(result));
  report.mutable_seconds()->Add(result.seconds.begin(), result.seconds.end());
  report.set_peak_rss_bytes(static_cast<double>(largest_peak_rss(result.ranks)));
  add_ranks(result.ranks, *report.mutable_ranks());
  return to_json(report);
}

std::string limits_table(const std::vector<RankLimits>& limits) {
  const auto rate = [](double value) { return value > 0 ? fmt::format("{:.0f}", value) : std::string("-"); };
  std::string text = fmt::format("{:>4}  {:<16} {:>7}  {:<10} {:>12} {:>12} {:>12} {:>12}\n", "rank", "host", "threads",
                                 "kernels", "f32 GFLOP/s", "bf16 GFLOP/s", "int8 GOP/s", "memory GB/s");
  for (const RankLimits& rank : limits) {
    text += fmt::format("{:>4}  {:<16} {:>7}  {:<10} {:>12} {:>12} {:>12} {:>12.1f}\n", rank.rank.value(), rank.host,
                        rank.threads, rank.kernels, rate(rank.f32_gflops), rate(rank.bf16_gflops), rate(rank.int8_gops),
                        rank.memory_read_gbs);
  }
  return text;
}

std::string limits_report(const std::vector<RankLimits>& limits) {
  proto::LimitsReport report;
  for (const RankLimits& rank : limits) {
    proto::Limits& entry = *report.add_limits();
    entry.set_rank(rank.rank.value());
    entry.set_host(rank.host);
    entry.set_threads(rank.threads);
    entry.set_kernels(rank.kernels);
    entry.set_f32_gflops(rank.f32_gflops);
    entry.set_bf16_gflops(rank.bf16_gflops);
    entry.set_int8_gops(rank.int8_gops);
    entry.set_memory_read_gbs(rank.memory_read_gbs);
  }
  return to_json(report);
}

std::string phase_table(const GenerationResult& result) {
  std::string text =
      fmt::format("{:>4}  {:<8} {:>9} {:>9} {:>15}\n", "rank", "phase", "seconds", "waited", "bytes sent");
  for (const PhaseReport& phase : result.phases) {
    text += fmt::format("{:>4}  {:<8} {:>9.3f} {:>9.3f} {:>15}\n", phase.rank.value(), phase.name, phase.seconds,
                        phase.wait_seconds, grouped(phase.bytes_sent));
  }
  for (const RankReport& rank : result.ranks) {
    text += fmt::format("{:>4}  {} thread{} on {}, peak {} MiB\n", rank.rank.value(), rank.threads,
                        rank.threads == 1 ? "" : "s", rank.host, grouped(rank.peak_rss_bytes >> 20));
  }
  return text;
}

}  // namespace gemring
