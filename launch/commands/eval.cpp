#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "distributed/comm/control.h"
#include "distributed/session/request_source.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/output_file.h"
#include "launch/calibrate/calibration_run.h"
#include "launch/cluster/workload.h"
#include "launch/commands/commands.h"
#include "launch/eval/case_plan.h"
#include "launch/eval/eval_run.h"
#include "launch/eval/heat_map.h"
#include "launch/eval/methods.h"
#include "launch/eval/report_page.h"
#include "launch/eval/suite.h"
#include "launch/eval/summary.h"
#include "launch/options/option_words.h"
#include "launch/output/progress.h"
#include "launch/output/text_output.h"
#include "launch/output/trace_file.h"
#include "launch/prompts/chat.h"
#include "launch/prompts/filter_choice.h"
#include "launch/prompts/model.h"
#include "launch/prompts/vocabulary.h"
#include "launch/start/last_words.h"
#include "launch/start/start_up.h"

namespace gemring {
namespace {

/// A method with what it comes to on this model.
struct ResolvedMethod {
  std::string name;
  Options options;
  FilterProfile filter = gemfilter_profile(LayerIndex(0));
  std::shared_ptr<const OpenModel> filter_model = {};      // where another one filters
  std::shared_ptr<const Tokenizer> filter_tokenizer = {};  // rank 0, of that one
  std::shared_ptr<const ChatTemplate> filter_chat = {};    // rank 0, where its vocabulary is another one
  bool passes_text = false;                                // rank 0: it is

  RunModels models(const OpenModel& answer) const {
    return filter_model ? RunModels(answer, *filter_model) : RunModels(answer);
  }
  std::optional<FilterVocabulary> filter_vocabulary() const {
    if (!passes_text) return std::nullopt;
    return FilterVocabulary{*filter_tokenizer, filter_chat.get()};
  }
};

/// Rank 0's: what is asked, and where results go.
struct Evaluation {
  std::optional<Suite> suite;
  std::optional<ChatTemplate> chat;
  std::optional<CaseMaker> maker;
  std::vector<PlannedCase> cases;
  std::optional<ResultFolder> folder;
};

/// Opens a method's filter model, on rank 0 with its tokenizer.
void open_filter_model(const Job& job, const OpenModel& answer, const Tokenizer* tokenizer, ResolvedMethod& method) {
  method.filter_model = std::make_shared<const OpenModel>(*open_models(job, method.options).filter);
  const std::string& name = method.filter_model->name;
  std::optional<Tokenizer> own = open_tokenizer(job, name, /*needed=*/true);
  if (own) method.filter_tokenizer = std::make_shared<const Tokenizer>(std::move(*own));
  agreed_on_first(job, [&] {
    method.passes_text =
        !have_one_vocabulary({answer, tokenizer}, {*method.filter_model, method.filter_tokenizer.get()});
    if (method.passes_text) log_info("{} has another vocabulary than {}: it passes on texts", name, answer.name);
  });
}

/// A model that nobody has measured is measured, as generate does it. `tokenizer`: rank 0's.
std::vector<ResolvedMethod> resolve_methods(const Job& job, const Options& options, const OpenModel& model,
                                            const Tokenizer* tokenizer) {
  std::vector<ResolvedMethod> methods;
  agreed(job, [&] {
    for (const ChosenMethod& method : parse_methods(options.eval.methods)) {
      methods.push_back({method.name, method.options(options, model.config)});
    }
  });
  for (ResolvedMethod& method : methods) {
    if (method.options.filter.model) open_filter_model(job, model, tokenizer, method);
    const OpenModel& filters = method.models(model).filter;
    const Tokenizer* const asks = method.filter_model ? method.filter_tokenizer.get() : tokenizer;
    MeasureFilter measure;
    if (quick_calibration_tokens(filters.config) > 0) {
      measure = [&] { return calibrate_on_the_spot(job, method.options, filters, asks); };
    }
    method.filter = agree_on_filter(job, method.options, filters, measure);
  }
  return methods;
}

/// Options that change no case and no answer, but which cases are run, how fast, and where results go; and those of
/// which the settings say more than the option.
bool is_no_setting(const std::string& name) {
  constexpr std::array<std::string_view, 23> kNames = {"--model",         "--methods",
                                                       "--tasks",         "--lengths",
                                                       "--depths",        "--samples",
                                                       "--parallel",      "--texts",
                                                       "--questions",     "--output",
                                                       "--cluster",       "--ring",
                                                       "--overlap",       "--threads",
                                                       "--progress",      "--trace",
                                                       "--log-level",     "--log-format",
                                                       "--verbose",       "--log-all-ranks",
                                                       "--stall-timeout", "--allow-extrapolation",
                                                       "--no-calibrate"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

EvalSettings settings_for(const Options& options, const OpenModel& model, const std::vector<ResolvedMethod>& methods,
                          std::uint64_t texts) {
  EvalSettings settings;
  for (const OptionSetting& setting : settings_of(options)) {
    if (!is_no_setting(setting.name)) settings[setting.name] = setting.text;
  }
  settings["model"] = fingerprint_text(model.weights->fingerprint());
  settings["texts"] = fingerprint_text(texts);
  for (const ResolvedMethod& method : methods) {
    const bool full = method.options.filter.method == Method::full;
    std::string text = full ? "all tokens" : describe(method.filter);
    if (method.filter_model) text += " of " + fingerprint_text(method.filter_model->weights->fingerprint());
    settings["method " + method.name] = text;
  }
  return settings;
}

/// Templates of the model that answers, else none; then of filters that pass on texts. Throws ConfigError where gemring
/// does not know such a filter's.
void open_chats(const Options& options, std::vector<ResolvedMethod>& methods, Evaluation& eval) {
  eval.suite.emplace(options.eval);
  try {
    eval.chat.emplace(open_chat_template(options.model_directory, {}));
  } catch (const Error& error) {
    log_info("prompts are plain text: {}", error.what());
    return;
  }
  for (ResolvedMethod& method : methods) {
    if (!method.passes_text) continue;
    method.filter_chat = std::make_shared<const ChatTemplate>(open_chat_template(method.filter_model->name, {}));
  }
}

/// Rank 0 reads, agrees with what is in the directory, and looks at each task's shortest case: before hours of work.
void prepare(const Options& options, const OpenModel& model, const Tokenizer& tokenizer,
             std::vector<ResolvedMethod>& methods, Evaluation& eval) {
  open_chats(options, methods, eval);
  eval.maker.emplace(tokenizer, eval.chat ? &*eval.chat : nullptr);
  eval.cases = eval.suite->cases();
  std::set<std::string> seen;
  std::vector<const PlannedCase*> shortest;
  for (const PlannedCase& one : eval.cases) shortest.push_back(&one);
  std::stable_sort(shortest.begin(), shortest.end(),
                   [](const PlannedCase* a, const PlannedCase* b) { return a->shape.length < b->shape.length; });
  for (const PlannedCase* one : shortest) {
    if (seen.insert(one->task->name).second) eval.maker->make(*one->task, one->shape, one->max_new_tokens);
  }
  eval.folder.emplace(options.eval.output, settings_for(options, model, methods, eval.suite->fingerprint()));
}

/// Of one method: what is still to be asked, and how long that is at most.
struct Rest {
  std::vector<PlannedCase> cases;  // rank 0's
  std::int32_t count = 0;
  std::int32_t prompt_tokens = 0;
  std::int32_t keep = 0;
  std::int32_t new_tokens = 0;
};

/// Tokens of a prompt in the vocabulary of the model that filters, if none of `cases` has more: those of the longest,
/// and some percent by which others of its length may differ.
std::int32_t filter_tokens(const Evaluation& eval, const std::vector<PlannedCase>& cases,
                           const FilterVocabulary& filter) {
  constexpr std::size_t kMargin = 16;  // 1 / of them
  const auto tokens = [](const PlannedCase& one) { return one.shape.length - one.max_new_tokens; };
  const PlannedCase& longest = *std::max_element(cases.begin(), cases.end(),
                                                 [&](const auto& a, const auto& b) { return tokens(a) < tokens(b); });
  const FittedCase made = eval.maker->make(*longest.task, longest.shape, longest.max_new_tokens);
  const std::size_t count = prompt_of(prompt_text_of(made.content, filter.chat), filter.tokenizer).ids.size();
  return static_cast<std::int32_t>(count + count / kMargin);
}

Rest rest_of(const Job& job, const Evaluation& eval, const ResolvedMethod& method, const OpenModel& model) {
  Rest rest;
  agreed_on_first(job, [&] {
    for (const PlannedCase& one : eval.cases) {
      if (eval.folder->has(one.id, method.name)) continue;
      rest.cases.push_back(one);
      rest.prompt_tokens = std::max(rest.prompt_tokens, one.shape.length - one.max_new_tokens);
      rest.new_tokens = std::max(rest.new_tokens, one.max_new_tokens);
    }
    rest.count = static_cast<std::int32_t>(rest.cases.size());
    if (rest.count == 0) return;
    if (const auto filter = method.filter_vocabulary()) {
      rest.prompt_tokens = std::max(rest.prompt_tokens, filter_tokens(eval, rest.cases, *filter));
    }
    ResolvedSelection selection;
    const std::int32_t positions = model.config.max_positions;
    const FilterOptions& filter = method.options.filter;
    if (filter.method == Method::gemfilter) {
      selection = resolve(filter.selection, rest.prompt_tokens, ForcedTokens(), positions - rest.new_tokens);
    }
    check_length(rest.prompt_tokens, filter, selection, rest.new_tokens,
                 {positions, filter_positions(method.models(model).filter.config, method.filter)},
                 method.options.run.allow_extrapolation);
    rest.keep = selection.keep;
  });
  std::vector<std::int32_t> lengths = {rest.count, rest.prompt_tokens, rest.keep, rest.new_tokens};
  broadcast_control(job.world, lengths, 0);
  rest.count = lengths.at(0);
  rest.prompt_tokens = lengths.at(1);
  rest.keep = lengths.at(2);
  rest.new_tokens = lengths.at(3);
  return rest;
}

/// How far all methods together are, by tokens.
class EvalProgress {
 public:
  explicit EvalProgress(ProgressMode mode) : line_(mode), begin_(steady_seconds()) {}

  void expect(const std::vector<PlannedCase>& cases) {
    for (const PlannedCase& one : cases) all_tokens_ += one.shape.length;
    all_ += cases.size();
  }
  void count(const std::string& method, const PlannedCase& one) {
    ++done_;
    done_tokens_ += one.shape.length;
    const double seconds = steady_seconds() - begin_;
    line_.show(
        [&] {
          return fmt::format("case {} of {}   {}   {} left", done_, all_, method,
                             duration_text(seconds * (all_tokens_ - done_tokens_) / done_tokens_));
        },
        true);
  }
  ProgressLine& line() { return line_; }

 private:
  ProgressLine line_;
  double begin_;
  double all_tokens_ = 0, done_tokens_ = 0;
  std::size_t all_ = 0, done_ = 0;
};

/// Runs the cases that one method has not answered yet. Cases without an answer.
std::size_t run_method(const Job& job, const ResolvedMethod& method, const OpenModel& model, const Tokenizer* tokenizer,
                       Evaluation& eval, Rest rest, EvalProgress& progress) {
  const Options& options = method.options;
  ResolvedSelection selection;
  selection.keep = rest.keep;
  Workload workload = workload_of(options.filter.method, method.filter, rest.prompt_tokens, selection, rest.new_tokens);
  workload.parallel = options.eval.parallel;
  const auto session = start_session(job, options.run, method.models(model), workload);
  set_log_phase("eval");
  if (!job.first()) {
    const LastWords last_words(let_rank_zero_speak);
    NoRequests nothing;
    session->generate(nothing, options.eval.parallel);
    return 0;
  }
  const RequestMaker requests({options, method.models(model), method.filter, tokenizer,
                               eval.chat ? &*eval.chat : nullptr, method.filter_vocabulary()});
  EvalRun run({.cases = *eval.maker,
               .requests = requests,
               .tokenizer = *tokenizer,
               .folder = *eval.folder,
               .method = method.name,
               .parallel = options.eval.parallel,
               .filter_vocabulary = method.filter_vocabulary(),
               .on_done = [&](const PlannedCase& one) { progress.count(method.name, one); }},
              std::move(rest.cases));
  const LastWords last_words([&] {
    progress.line().clear();
    log_warn("interrupted: what was answered is in {}; the same command goes on from there",
             eval.folder->path("cases.jsonl"));
  });
  session->generate(run, options.eval.parallel);
  return run.failed();
}

/// Tables and pictures of all that is in the directory.
void write_reports(const Options& options, const OpenModel& model, const Evaluation& eval) {
  const ResultFolder& folder = *eval.folder;
  const std::vector<CaseResult>& results = folder.results();
  if (results.empty()) return;
  const std::string name =
      model.published_name.empty() ? std::filesystem::path(model.name).filename().string() : model.published_name;
  const std::string table = fmt::format("{}\n\n{}", name, summary_text(results));
  write_file(folder.path("table.txt"), table);
  for (const std::string& method : methods_in(results)) {
    write_file(folder.path(heat_map_file(method)), heat_map(results, method, fmt::format("{}, {}", name, method)));
  }
  write_file(folder.path("report.html"),
             report_page(results, folder.settings(), fmt::format("gemring eval: {}", name)));
  write_result(table);
  log_info("cases, tables and pictures are in {}", options.eval.output);
}

}  // namespace

int run_eval(const Job& job, const Options& options) {
  agreed_on_first(job, [&] {
    if (options.output.trace_file) require_writable(*options.output.trace_file, "--trace");
  });
  agreed(job, [&] { parse_methods(options.eval.methods); });
  prepare_compute(job, options.run);
  set_log_phase("load");
  const OpenModel model = open_model(job, options);
  const std::optional<Tokenizer> tokenizer = open_tokenizer(job, model.name, /*needed=*/true);
  agreed_on_first(job, [&] {
    if (!tokenizer) throw ConfigError({model.name, "has no tokenizer, so nothing can be asked of it", "put it there"});
  });
  std::vector<ResolvedMethod> methods = resolve_methods(job, options, model, tokenizer ? &*tokenizer : nullptr);
  Evaluation eval;
  agreed_on_first(job, [&] { prepare(options, model, *tokenizer, methods, eval); });
  std::vector<Rest> rests;
  EvalProgress progress(job.first() ? options.output.progress : ProgressMode::never);
  for (const ResolvedMethod& method : methods) {
    rests.push_back(rest_of(job, eval, method, model));
    progress.expect(rests.back().cases);
  }
  TraceFile trace(job, options.output.trace_file);
  trace.start();
  std::size_t failed = 0;
  for (std::size_t i = 0; i < methods.size(); ++i) {
    if (rests[i].count == 0) continue;
    if (job.first()) log_info("{}: {} cases", methods[i].name, rests[i].count);
    failed +=
        run_method(job, methods[i], model, tokenizer ? &*tokenizer : nullptr, eval, std::move(rests[i]), progress);
  }
  set_log_phase("report");
  agreed_on_first(job, [&] {
    progress.line().clear();
    write_reports(options, model, eval);
  });
  broadcast_control(job.world, failed, 0);
  trace.write();
  return static_cast<int>(failed == 0 ? ExitCode::ok : ExitCode::some_failed);
}

}  // namespace gemring
