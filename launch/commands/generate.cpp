#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "distributed/comm/control.h"
#include "distributed/session/request_source.h"
#include "engine/base/format.h"
#include "engine/base/output_file.h"
#include "launch/cluster/workload.h"
#include "launch/commands/commands.h"
#include "launch/commands/opened.h"
#include "launch/index/index_prompt.h"
#include "launch/output/report.h"
#include "launch/output/trace_file.h"
#include "launch/prompts/given_text.h"
#include "launch/prompts/model.h"
#include "launch/requests/answer_run.h"
#include "launch/requests/request_maker.h"
#include "launch/requests/request_run.h"
#include "launch/start/last_words.h"
#include "launch/start/pinning.h"
#include "launch/start/placement.h"
#include "launch/start/start_up.h"

namespace gemring {
namespace {

/// What the other ranks must know of rank 0's request: its lengths.
Workload agree_on_workload(const Job& job, const Options& options, const FilterProfile& filter,
                           const GenerationRequest& request, std::uint64_t index_bytes) {
  std::vector<std::int32_t> lengths = {tokens_to_plan_for(request), request.selection.keep};
  broadcast_control(job.world, lengths, 0);
  ResolvedSelection selection;
  selection.keep = lengths.at(1);
  broadcast_control(job.world, index_bytes, 0);
  Workload workload =
      workload_of(options.filter.method, filter, lengths.at(0), selection, options.generate.max_new_tokens);
  workload.index_bytes = index_bytes;
  return workload;
}

/// Runs what `run` (rank 0's; elsewhere nullptr) has. An interrupt leaves a report of what came so far.
template <class Run>
JobReport run_all(const Options& options, Session& session, Run* run, std::int32_t sequences) {
  if (run == nullptr) {
    const LastWords last_words(let_rank_zero_speak);
    NoRequests nothing;
    return session.generate(nothing, sequences);
  }
  const LastWords last_words([&] {
    // mpirun leaves its ranks little time: the report does not wait for a reader of the answer that may be slow, but
    // stands behind the answer where both go to one place that takes them.
    run->cut_off(std::chrono::milliseconds(20));
    if (options.output.json_file) {
      write_file(*options.output.json_file, run->interrupted_report(), NoReader::fails);
    }
    run->cut_off(std::chrono::milliseconds(300));
  });
  return session.generate(run->source(), sequences);
}

void log_phases(const JobReport& report) {
  if (report.ranks.size() == 1) return;  // its phases stand in the log already
  log_lines(phase_table(report.phases, report.ranks));
}

void log_result(const GenerationResult& result) {
  log_info(
      "{} of {} prompt tokens kept, first token after {:.2f} s ({:.0f} prompt tokens/s), {} tokens generated "
      "({:.2f} tokens/s after the first)",
      grouped(result.kept.size()), grouped(static_cast<std::uint64_t>(result.prompt_tokens)),
      result.time_to_first_token_seconds, result.prefill_tokens_per_second, result.generated_ids.size(),
      result.decode_tokens_per_second);
}

void write_report(const Options& options, const std::string& report) {
  if (options.output.json_file) write_file(*options.output.json_file, report);
}

/// Rank 0's: the prompt goes on from the index.
std::uint64_t go_on_from(const std::shared_ptr<IndexFile>& index, const Options& options, const Opened& opened,
                         GenerationRequest& request) {
  const std::uint64_t bytes = index_memory_of(*index, options, opened);
  check_begins_with(*index, request.prompt);
  request.stored = index;
  return bytes;
}

/// The one request of the command line. `index_bytes`: of what was read of it before.
int answer(const Job& job, const Options& options, const Opened& opened, GenerationRequest request,
           std::uint64_t index_bytes) {
  const Workload workload = agree_on_workload(job, options, opened.filter, request, index_bytes);
  const auto session = start_session(job, options.run, opened.models.all(), workload);
  ProgressLine progress(job.first() ? options.output.progress : ProgressMode::never);
  std::unique_ptr<AnswerRun> run;
  if (job.first()) {
    const ReportHead head = {opened.models.answer.name,
                             request.sampling.seed,
                             false,
                             options.generate.stop,
                             settings_of(options),
                             opened.models.filter_name(),
                             request.reading ? &*opened.filter_tokenizer : nullptr};
    run = std::make_unique<AnswerRun>(std::move(request), opened.setting(options).tokenizer, progress, head);
  }
  TraceFile trace(job, options.output.trace_file);
  trace.start();
  const JobReport report = run_all(options, *session, run.get(), 1);
  set_log_phase("report");
  agreed_on_first(job, [&] {
    progress.clear();
    const GenerationResult result = run->result(report);
    if (result.error) throw Error(*result.error);
    log_result(result);
    log_phases(report);
    write_report(options, run->report(result));
  });
  trace.write();
  return 0;
}

/// Those of `input` (rank 0's).
int answer_all(const Job& job, const Options& options, const Opened& opened, const RequestMaker& maker,
               const std::optional<RequestInput>& input, const Placement& placement) {
  const Workload workload = least_workload(job, options, opened);
  const PlannedSession planned = plan_session(job, options.run, opened.models.all(), workload);
  const auto session = open_session(job, opened.models.all(), planned);
  step_back_behind_filter(job, planned.plan, placement);

  ProgressLine progress(job.first() ? options.output.progress : ProgressMode::never);
  TraceFile trace(job, options.output.trace_file);
  trace.start();
  std::unique_ptr<RequestRun> run;
  if (job.first()) {
    log_info("requests from {}, {} at a time in the stages; each one's memory is looked at when it is read",
             input->name(), workload.parallel);
    run = std::make_unique<RequestRun>(RequestRun::Setting{
        *input, maker, planned, opened.setting(options).tokenizer, progress, opened.models.answer.name,
        opened.models.filter_name(), workload.parallel, settings_of(options)});
  }
  const JobReport report = run_all(options, *session, run.get(), workload.parallel);
  set_log_phase("report");
  std::int32_t failed = 0;
  agreed_on_first(job, [&] {
    progress.clear();
    failed = static_cast<std::int32_t>(run->totals().failed);
    log_info("{}", totals_text(run->totals()));
    run->warn_of_unused();
    log_phases(report);
    write_report(options, run->report(report));
  });
  broadcast_control(job.world, failed, 0);
  trace.write();
  return static_cast<int>(failed == 0 ? ExitCode::ok : ExitCode::some_failed);
}

}  // namespace

int run_generate(const Job& job, const Options& given) {
  Options options = given;
  std::optional<RequestInput> input;
  std::shared_ptr<IndexFile> index;  // of `ask`
  agreed_on_first(job, [&] {
    check_texts(option_table(), options);  // the other ranks' are never looked at
    if (options.output.json_file) require_writable(*options.output.json_file, "--json");
    if (options.output.trace_file) require_writable(*options.output.trace_file, "--trace");
    if (options.requests.file) input.emplace(*options.requests.file);
    if (options.command != Command::ask) return;
    index = std::make_shared<IndexFile>(options.index.file);
    options.prompt = prompt_about(index->head().text, options.prompt);
  });
  const Placement placement = prepare_compute(job, options.run);
  set_log_phase("load");
  const Opened opened = open_all(job, options);
  const RequestMaker maker(opened.setting(options));
  if (options.requests.file) return answer_all(job, options, opened, maker, input, placement);
  GenerationRequest request;
  std::uint64_t index_bytes = 0;
  agreed_on_first(job, [&] {
    request = maker.make(maker.defaults());
    if (index) index_bytes = go_on_from(index, options, opened, request);
  });
  return answer(job, options, opened, std::move(request), index_bytes);
}

}  // namespace gemring
