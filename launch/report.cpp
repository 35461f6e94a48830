#include "launch/report.h"

#include <fmt/format.h>

#include <span>

#include "engine/base/format.h"
#include "engine/selection/selection.h"
#include "launch/proto_json.h"
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

void to_proto(const RankReport& rank, proto::Rank& out) {
  out.set_rank(rank.rank.value());
  out.set_host(rank.host);
  out.set_threads(rank.threads);
  out.set_peak_rss_bytes(static_cast<double>(rank.peak_rss_bytes));
}

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
  for (const RankReport& rank : result.ranks) to_proto(rank, *report.add_ranks());
  report.set_time_to_first_token_seconds(result.time_to_first_token_seconds);
  report.set_prefill_tokens_per_second(result.prefill_tokens_per_second);
  report.set_decode_tokens_per_second(result.decode_tokens_per_second);
  return json_document(report);
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
