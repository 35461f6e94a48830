#include <fmt/format.h>

#include <optional>

#include "distributed/comm/control.h"
#include "engine/base/clock.h"
#include "engine/base/output_file.h"
#include "launch/commands/commands.h"
#include "launch/output/progress.h"
#include "launch/output/report.h"
#include "launch/output/text_output.h"
#include "launch/output/trace_file.h"
#include "launch/prompts/chat.h"
#include "launch/prompts/model.h"
#include "launch/requests/ordered_results.h"
#include "launch/requests/request_maker.h"
#include "launch/requests/request_reader.h"
#include "launch/requests/requests_report.h"
#include "launch/start/pinning.h"
#include "launch/start/placement.h"
#include "launch/start/start_up.h"

namespace gemring {
namespace {

/// Memory is looked at request by request, for lengths are known only then; this is what all of them need.
Workload least_workload(const Options& options, std::int32_t parallel, LayerIndex filter_layer) {
  Workload workload;
  workload.method = options.filter.method;
  workload.filter_layer = filter_layer;
  workload.prompt_tokens = 1;
  workload.keep = 1;
  workload.new_tokens = 1;
  workload.parallel = parallel;
  return workload;
}

/// The source on every rank but 0, where nobody asks.
class NoRequests : public RequestSource {
  std::optional<GenerationRequest> next() override { return std::nullopt; }
  bool ended() override { return true; }
  void wake_with(std::function<void()> /*wake*/) override {}
};

/// Rank 0's side of a run. Callbacks come from one thread of the run (distributed/session/delivery.h), which may wait for
/// whoever reads the results; lines are read and accepted on others.
class RequestRun {
 public:
  RequestRun(const RequestInput& input, const RequestMaker& maker, const Tokenizer* tokenizer, ProgressLine& progress)
      : input_(input),
        tokenizer_(tokenizer),
        progress_(progress),
        all_(input.count_lines().value_or(0)),
        results_([this](const std::string& line) { progress_.make_way([&] { write_result(line); }); }),
        begin_(steady_seconds()),
        reader_(input,
                {.make = [&maker](std::string_view text, RequestPlace& place) { return make(maker, text, place); },
                 .accept = [this](const RequestPlace& place, GenerationRequest& request) { accept(place, request); }}) {
  }

  RequestSource& source() { return reader_; }

  RequestTotals totals(std::int32_t parallel) const {
    RequestTotals totals = totals_;
    totals.parallel = parallel;
    totals.seconds = steady_seconds() - begin_;
    return totals;
  }

 private:
  static GenerationRequest make(const RequestMaker& maker, std::string_view text, RequestPlace& place) {
    RequestLine line = maker.defaults();
    try {
      read_request_line(text, maker.vocab(), line);
    } catch (...) {
      place.id = line.id;
      throw;
    }
    place.id = line.id;
    return maker.make(line);
  }

  void accept(const RequestPlace& place, GenerationRequest& request) {
    request.on_token = [this](TokenId) {
      totals_.completion_tokens += 1;
      show(false);
    };
    request.on_end = [this, place](const GenerationResult& result) {
      ++totals_.requests;
      if (result.error) return fail(place, *result.error);
      totals_.prompt_tokens += result.prompt_tokens;
      results_.put(place.index, result_line(place, result, tokenizer_));
      show(true);
    };
  }

  void fail(const RequestPlace& place, const Error& error) {
    ++totals_.failed;
    const std::string& advice = error.text().advice;
    progress_.make_way([&] {
      log_warn("{} line {}: {}{}{}", input_.name(), place.line, error.what(), advice.empty() ? "" : "; ", advice);
    });
    results_.put(place.index, error_line(place, error));
  }

  void show(bool now) {
    progress_.show([this] { return requests_progress(totals(0), all_); }, now);
  }

  const RequestInput& input_;
  const Tokenizer* tokenizer_;
  ProgressLine& progress_;
  std::size_t all_;  // lines, 0 where nobody knows
  OrderedResults results_;
  RequestTotals totals_;
  double begin_;
  RequestReader reader_;  // last: its thread begins at once
};

void log_report(const RequestTotals& totals, const JobReport& report) {
  log_info("{}", totals_text(totals));
  if (report.ranks.size() == 1) return;  // its phases stand in the log already
  log_lines(phase_table(report.phases, report.ranks));
}

}  // namespace

int run_generate_requests(const Job& job, const Options& options) {
  std::optional<RequestInput> input;
  agreed_on_first(job, [&] {
    if (options.output.json_file) require_writable(*options.output.json_file, "--json");
    if (options.output.trace_file) require_writable(*options.output.trace_file, "--trace");
    input.emplace(*options.requests.file);
  });
  const Placement placement = prepare_compute(job, options.run);
  set_log_phase("load");
  const OpenModel model = open_model(job, options);
  const LayerIndex filter_layer = agree_on_filter_layer(job, options, model.config);
  const std::optional<Tokenizer> owned = open_tokenizer(job, model.name, true);
  const Tokenizer* const tokenizer = owned ? &*owned : nullptr;
  std::optional<ChatTemplate> chat;
  agreed_on_first(job, [&] {
    if (options.prompt.chat.on) chat.emplace(open_chat_template(options.model_directory, options.prompt.chat));
  });
  const ClusterPlan plan =
      agree_on_plan(job, options.run, options.filter.method, model.config.layer_count(), job.world.size());
  const auto stages = static_cast<std::int32_t>(plan.stages.size());
  const std::int32_t parallel = options.requests.parallel.value_or(stages + 1);
  const PlannedSession planned = plan_session(job, options.run, model, least_workload(options, parallel, filter_layer));
  const auto session = open_session(job, model, planned);
  // Filter passes follow one another: the longest chain of many requests. Where ranks take turns it goes first; answers
  // that wait meanwhile are decoded together later, which costs less.
  if (placement.crowded && plan.method == Method::gemfilter && !plan.filters(job.rank())) step_back();

  ProgressLine progress(job.first() ? options.output.progress : ProgressMode::never);
  TraceFile trace(job, options.output.trace_file);
  trace.start();
  std::int32_t failed = 0;
  if (job.first()) {
    log_info("requests from {}, {} at a time in the stages; each one's memory is looked at when it is read",
             input->name(), parallel);
    const RequestMaker maker({options, model, tokenizer, chat ? &*chat : nullptr, planned});
    RequestRun run(*input, maker, tokenizer, progress);
    const JobReport report = session->generate(run.source(), parallel);
    progress.clear();
    const RequestTotals totals = run.totals(parallel);
    failed = static_cast<std::int32_t>(totals.failed);
    agreed(job, [&] {
      set_log_phase("report");
      log_report(totals, report);
      if (options.output.json_file) write_file(*options.output.json_file, requests_report(totals, report));
    });
  } else {
    NoRequests nothing;
    session->generate(nothing, parallel);
    agreed(job, [] {});
  }
  broadcast_control(job.world, failed, 0);
  trace.write();
  return static_cast<int>(failed == 0 ? ExitCode::ok : ExitCode::some_failed);
}

}  // namespace gemring
