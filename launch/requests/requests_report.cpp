#include "launch/requests/requests_report.h"

#include <fmt/format.h>

#include "engine/base/format.h"
#include "launch/output/json_line_text.h"
#include "launch/output/progress.h"
#include "launch/output/proto_json.h"
#include "launch/output/report.h"
#include "launch/output/text_output.h"
#include "launch/start/version.h"
#include "proto/inference.pb.h"

namespace gemring {
namespace {

proto::RequestResult result_of(const RequestPlace& place, const char* finish_reason) {
  proto::RequestResult result;
  result.set_id(place.id);
  result.set_index(static_cast<std::int32_t>(place.index));
  result.set_line(static_cast<std::int32_t>(place.line));
  result.set_finish_reason(finish_reason);
  return result;
}

double rate(double tokens, double seconds) {
  return seconds > 0 ? tokens / seconds : 0;
}

}  // namespace

std::string result_line(const RequestPlace& place, const GenerationResult& result, const Tokenizer* tokenizer,
                        const ReportHead& head) {
  proto::RequestResult line = result_of(place, finish_reason(result.stop_reason));
  line.set_seed(static_cast<double>(head.seed));
  line.set_text(answer_text(result.generated_ids, tokenizer, head.stop));
  for (const TokenId id : result.generated_ids) line.add_generated_ids(id.value());
  proto::RequestUsage& usage = *line.mutable_usage();
  const auto generated = static_cast<std::int32_t>(result.generated_ids.size());
  usage.set_prompt_tokens(result.prompt_tokens);
  usage.set_kept_tokens(result.read_tokens);
  usage.set_completion_tokens(generated);
  usage.set_reused_tokens(result.reused_tokens);
  usage.set_total_tokens(result.prompt_tokens + generated);
  proto::RequestTimes& times = *line.mutable_times();
  times.set_filter_seconds(result.filter_seconds);
  times.set_time_to_first_token_seconds(result.time_to_first_token_seconds);
  times.set_seconds(result.seconds);
  times.set_decode_tokens_per_second(result.decode_tokens_per_second);
  return json_line(line);
}

std::string error_line(const RequestPlace& place, const Error& error) {
  proto::RequestResult line = result_of(place, "error");
  proto::RequestError& entry = *line.mutable_error();
  entry.set_code(static_cast<std::int32_t>(error.code()));
  entry.set_message(valid_utf8(error.what()));
  entry.set_advice(error.text().advice);
  return json_line(line);
}

std::string requests_report(const RequestTotals& totals, const JobReport& job) {
  proto::RequestsReport report;
  report.set_requests(static_cast<std::int32_t>(totals.requests));
  report.set_failed(static_cast<std::int32_t>(totals.failed));
  report.set_parallel(totals.parallel);
  report.set_seconds(totals.seconds);
  report.set_prompt_tokens(totals.prompt_tokens);
  report.set_completion_tokens(totals.completion_tokens);
  report.set_finish_reason(totals.interrupted ? "interrupted" : "done");
  report.set_model(valid_utf8(totals.model));
  report.set_filter_model(valid_utf8(totals.filter_model));
  report.set_version(program_version());
  for (const OptionSetting& setting : totals.options) to_proto(setting, *report.add_options());
  for (const PhaseReport& phase : job.phases) to_proto(phase, *report.add_phases());
  for (const RankReport& rank : job.ranks) to_proto(rank, *report.add_ranks());
  return json_document(report);
}

std::string totals_text(const RequestTotals& totals) {
  const auto count = [](double tokens) { return grouped(static_cast<std::uint64_t>(tokens)); };
  return fmt::format(
      "{} requests, {} of them failed; {} prompt tokens read and {} generated in {:.2f} s ({:.2f} tokens/s)",
      totals.requests, totals.failed, count(totals.prompt_tokens), count(totals.completion_tokens), totals.seconds,
      rate(totals.completion_tokens, totals.seconds));
}

std::string requests_progress(const RequestTotals& so_far, std::size_t all) {
  std::string text = fmt::format("requests {}", so_far.requests);
  if (all > 0) text += fmt::format(" of {}", all);
  text += fmt::format("   {:.1f} tokens/s", rate(so_far.completion_tokens, so_far.seconds));
  if (so_far.requests > 0 && all > so_far.requests) {
    const double each = so_far.seconds / static_cast<double>(so_far.requests);
    text += fmt::format("   {} left", duration_text(each * static_cast<double>(all - so_far.requests)));
  }
  return text;
}

}  // namespace gemring
