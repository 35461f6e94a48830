#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "distributed/comm/control.h"
#include "distributed/session/request_source.h"
#include "engine/base/format.h"
#include "engine/base/output_file.h"
#include "launch/calibrate/calibration_run.h"
#include "launch/cluster/workload.h"
#include "launch/commands/commands.h"
#include "launch/output/report.h"
#include "launch/output/trace_file.h"
#include "launch/prompts/chat.h"
#include "launch/prompts/filter_choice.h"
#include "launch/prompts/given_text.h"
#include "launch/prompts/model.h"
#include "launch/prompts/vocabulary.h"
#include "launch/requests/answer_run.h"
#include "launch/requests/request_maker.h"
#include "launch/requests/request_run.h"
#include "launch/start/last_words.h"
#include "launch/start/pinning.h"
#include "launch/start/placement.h"
#include "launch/start/start_up.h"

namespace gemring {
namespace {

/// What requests are made of, whatever they ask.
struct Opened {
  OpenModels models;
  FilterProfile filter;
  std::optional<Tokenizer> tokenizer;         // rank 0
  std::optional<ChatTemplate> chat;           // rank 0, with --chat
  std::optional<Tokenizer> filter_tokenizer;  // rank 0, of a filter model
  bool passes_text = false;                   // rank 0: its vocabulary is another one
  std::optional<ChatTemplate> filter_chat;    // then, with --chat

  RequestSetting setting(const Options& options) const {
    RequestSetting made{options, models.all(), filter, tokenizer ? &*tokenizer : nullptr, chat ? &*chat : nullptr};
    if (passes_text)
      made.filter_vocabulary.emplace(FilterVocabulary{*filter_tokenizer, filter_chat ? &*filter_chat : nullptr});
    return made;
  }
};

/// And whether its tokens are those of the model that answers: then ids are all that it passes on.
void open_filter_tokenizer(const Job& job, bool needs_text, Opened& opened) {
  const RunModels models = opened.models.all();
  opened.filter_tokenizer = open_tokenizer(job, models.filter.name, needs_text);
  agreed_on_first(job, [&] {
    opened.passes_text =
        !have_one_vocabulary({models.answer, opened.tokenizer ? &*opened.tokenizer : nullptr},
                             {models.filter, opened.filter_tokenizer ? &*opened.filter_tokenizer : nullptr});
    if (!opened.passes_text) return;
    log_info("{} has another vocabulary than {}: it passes on texts", models.filter.name, models.answer.name);
  });
}

Opened open_all(const Job& job, const Options& options) {
  Opened opened;
  opened.models = open_models(job, options);
  const RunModels models = opened.models.all();
  const bool needs_text = options.requests.file || !options.prompt.ids_file;
  opened.tokenizer = open_tokenizer(job, models.answer.name, needs_text);
  if (!models.are_one()) open_filter_tokenizer(job, needs_text, opened);
  const std::optional<Tokenizer>& reads_first = models.are_one() ? opened.tokenizer : opened.filter_tokenizer;
  bool can_ask = reads_first.has_value() && quick_calibration_tokens(models.filter.config) > 0;
  broadcast_control(job.world, can_ask, 0);
  MeasureFilter measure;
  if (can_ask) {
    const Tokenizer* const tokenizer = job.first() ? &*reads_first : nullptr;
    measure = [&, tokenizer] { return calibrate_on_the_spot(job, options, models.filter, tokenizer); };
  }
  opened.filter = agree_on_filter(job, options, models.filter, measure);
  agreed_on_first(job, [&] {
    if (!options.prompt.chat.on) return;
    opened.chat.emplace(open_chat_template(options.model_directory, options.prompt.chat));
    if (!opened.passes_text) return;
    ChatOptions own = options.prompt.chat;
    own.template_file.reset();  // of the model that answers
    opened.filter_chat.emplace(open_chat_template(models.filter.name, own));
  });
  return opened;
}

/// What the other ranks must know of rank 0's request: its lengths.
Workload agree_on_workload(const Job& job, const Options& options, const FilterProfile& filter,
                           const GenerationRequest& request) {
  std::vector<std::int32_t> lengths = {tokens_to_plan_for(request), request.selection.keep};
  broadcast_control(job.world, lengths, 0);
  ResolvedSelection selection;
  selection.keep = lengths.at(1);
  return workload_of(options.filter.method, filter, lengths.at(0), selection, options.generate.max_new_tokens);
}

/// Memory is looked at request by request, for lengths are known only then; this is what all of them need.
Workload least_workload(const Job& job, const Options& options, const Opened& opened) {
  ResolvedSelection least;
  least.keep = 1;
  Workload workload = workload_of(options.filter.method, opened.filter, 1, least, 1);
  const ClusterPlan plan = agree_on_plan(job, options.run, options.filter.method,
                                         opened.models.answer.config.layer_count(), job.world.size());
  workload.parallel = options.requests.parallel.value_or(static_cast<std::int32_t>(plan.stages.size()) + 1);
  return workload;
}

/// Runs what `run` (rank 0's; elsewhere nullptr) has. An interrupt leaves a report of what came so far.
template <class Run>
JobReport run_all(const Options& options, Session& session, Run* run, std::int32_t sequences) {
  if (run == nullptr) {
    // mpirun ends the whole job as soon as one rank is gone, and rank 0 with it before it has written its report.
    const LastWords last_words([] { std::this_thread::sleep_for(std::chrono::milliseconds(700)); });
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

/// The one request of the command line.
int answer(const Job& job, const Options& options, const Opened& opened, GenerationRequest request) {
  const Workload workload = agree_on_workload(job, options, opened.filter, request);
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
  // Filter passes follow one another: the longest chain of many requests. Where ranks take turns it goes first; answers
  // that wait meanwhile are decoded together later, which costs less.
  const ClusterPlan& plan = planned.plan;
  if (placement.crowded && plan.method == Method::gemfilter && !plan.filters(job.rank())) step_back();

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
  agreed_on_first(job, [&] {
    check_texts(option_table(), options);  // the other ranks' are never looked at
    if (options.output.json_file) require_writable(*options.output.json_file, "--json");
    if (options.output.trace_file) require_writable(*options.output.trace_file, "--trace");
    if (options.requests.file) input.emplace(*options.requests.file);
  });
  const Placement placement = prepare_compute(job, options.run);
  set_log_phase("load");
  const Opened opened = open_all(job, options);
  const RequestMaker maker(opened.setting(options));
  if (options.requests.file) return answer_all(job, options, opened, maker, input, placement);
  GenerationRequest request;
  agreed_on_first(job, [&] { request = maker.make(maker.defaults()); });
  return answer(job, options, opened, std::move(request));
}

}  // namespace gemring
