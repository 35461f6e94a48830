#include "launch/output/report.h"

#include <fmt/format.h>

#include <span>
#include <sstream>

#include "engine/base/format.h"
#include "engine/base/log.h"
#include "engine/selection/selection.h"
#include "launch/output/json_line_text.h"
#include "launch/output/proto_json.h"
#include "launch/output/text_output.h"
#include "launch/start/version.h"
#include "proto/inference.pb.h"

namespace gemring {
namespace {

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

const char* finish_reason(StopReason reason) {
  switch (reason) {
    case StopReason::length:
      return "length";
    case StopReason::cancelled:
      return "cancelled";
    case StopReason::failed:
      return "error";
    case StopReason::none:
    case StopReason::end_token:
    case StopReason::stop_string:
      break;
  }
  return "stop";
}

void to_proto(const RankReport& rank, proto::Rank& out) {
  out.set_rank(rank.rank.value());
  out.set_host(rank.host);
  out.set_threads(rank.threads);
  out.set_peak_rss_bytes(static_cast<double>(rank.peak_rss_bytes));
}

void to_proto(const OptionSetting& setting, proto::OptionSetting& out) {
  out.set_name(setting.name);
  out.set_value(valid_utf8(setting.text));
}

void to_proto(const PhaseReport& phase, proto::Phase& out) {
  out.set_rank(phase.rank.value());
  out.set_name(phase.name);
  out.set_seconds(phase.seconds);
  out.set_wait_seconds(phase.wait_seconds);
  out.set_bytes_sent(static_cast<double>(phase.bytes_sent));
  out.set_compute_seconds(phase.compute_seconds());
  out.set_transfer_seconds(phase.transfer_seconds);
  out.set_exposed_seconds(phase.exposed_seconds);
  out.set_hidden_share(phase.hidden_share());
}

std::string generation_report(const GenerationResult& result, const std::vector<TokenId>& prompt,
                              const Tokenizer* tokenizer, const ReportHead& head) {
  proto::Report report;
  report.set_finish_reason(head.interrupted ? "interrupted" : finish_reason(result.stop_reason));
  report.set_model(valid_utf8(head.model));
  report.set_filter_model(valid_utf8(head.filter_model));
  report.set_seed(static_cast<double>(head.seed));
  report.set_version(program_version());
  for (const OptionSetting& setting : head.options) to_proto(setting, *report.add_options());
  report.set_text(answer_text(result.generated_ids, tokenizer, head.stop));
  report.set_prompt_tokens(result.prompt_tokens);
  for (const TokenId id : result.generated_ids) report.add_generated_ids(id.value());
  add_kept(result, prompt, head.of_prompt != nullptr ? head.of_prompt : tokenizer, report);
  report.set_read_tokens(result.read_tokens);
  report.set_reused_tokens(result.reused_tokens);
  report.mutable_scores()->Add(result.scores.begin(), result.scores.end());
  for (const PhaseReport& phase : result.phases) {
    to_proto(phase, *report.add_phases());
  }
  for (const RankReport& rank : result.ranks) to_proto(rank, *report.add_ranks());
  report.set_time_to_first_token_seconds(result.time_to_first_token_seconds);
  report.set_prefill_tokens_per_second(result.prefill_tokens_per_second);
  report.set_decode_tokens_per_second(result.decode_tokens_per_second);
  return json_document(report);
}

std::string phase_table(const std::vector<PhaseReport>& phases, const std::vector<RankReport>& ranks) {
  std::string text = fmt::format("{:>4}  {:<8} {:>9} {:>9} {:>9} {:>15} {:>7}\n", "rank", "phase", "seconds",
                                 "computed", "waited", "bytes sent", "hidden");
  for (const PhaseReport& phase : phases) {
    const std::string hidden =
        phase.transfer_seconds > 0 ? fmt::format("{:.0f} %", 100 * phase.hidden_share()) : std::string("-");
    text += fmt::format("{:>4}  {:<8} {:>9.3f} {:>9.3f} {:>9.3f} {:>15} {:>7}\n", phase.rank.value(), phase.name,
                        phase.seconds, phase.compute_seconds(), phase.wait_seconds, grouped(phase.bytes_sent), hidden);
  }
  for (const RankReport& rank : ranks) {
    text += fmt::format("{:>4}  {} thread{} on {}, peak {} MiB\n", rank.rank.value(), rank.threads,
                        rank.threads == 1 ? "" : "s", rank.host, grouped(rank.peak_rss_bytes >> 20));
  }
  return text;
}

void log_lines(const std::string& table) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) log_info("{}", line);
}

}  // namespace gemring
