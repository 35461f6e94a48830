#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "distributed/comm/control.h"
#include "distributed/session/evidence_run.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/output_file.h"
#include "engine/selection/calibration.h"
#include "engine/selection/profile_file.h"
#include "launch/calibrate/calibration_prompts.h"
#include "launch/calibrate/calibration_table.h"
#include "launch/cluster/workload.h"
#include "launch/commands/commands.h"
#include "launch/output/progress.h"
#include "launch/output/text_output.h"
#include "launch/output/trace_file.h"
#include "launch/prompts/chat.h"
#include "launch/prompts/given_text.h"
#include "launch/prompts/model.h"
#include "launch/prompts/profile_cache.h"
#include "launch/start/start_up.h"
#include "launch/start/version.h"

namespace gemring {
namespace {

constexpr std::int32_t kKeptShare = 16;  // the best sixteenth of a prompt is looked at, nothing forced

std::vector<CalibrationPrompt> prompts_of(const Options& options, const OpenModel& model, const Tokenizer& tokenizer) {
  const CalibrateOptions& wanted = options.calibrate;
  std::optional<ChatTemplate> chat;
  try {
    chat = open_chat_template(options.model_directory, {});
  } catch (const Error& error) {
    log_info("prompts are plain text: {}", error.what());
  }
  const std::string text = wanted.texts ? read_texts(*wanted.texts) : std::string(bundled_text());
  const CalibrationPrompts maker(tokenizer, chat ? &*chat : nullptr, text);
  std::vector<CalibrationPrompt> prompts;
  if (wanted.questions) {
    const std::string lines = read_given_text(*wanted.questions, "--questions");
    for (const Needle& needle : read_questions(lines, *wanted.questions)) prompts.push_back(maker.make(needle));
  } else {
    std::uint64_t seed = wanted.seed;
    for (const std::int32_t length : parse_lengths(wanted.lengths)) {
      for (const NeedleKind kind : kNeedleKinds) {  // samples of one kind side by side: every other one confirms
        for (std::int32_t i = 0; i < wanted.samples; ++i) prompts.push_back(maker.make(kind, length, seed++));
      }
    }
  }
  for (const CalibrationPrompt& prompt : prompts) {
    if (prompt.ids.size() <= static_cast<std::size_t>(model.config.max_positions)) continue;
    if (options.run.allow_extrapolation) continue;
    throw ConfigError({"calibrate",
                       fmt::format("a prompt has {} tokens and the model {} positions", prompt.ids.size(),
                                   model.config.max_positions),
                       "give shorter --lengths or texts, or --allow-extrapolation"});
  }
  return prompts;
}

std::vector<std::int32_t> lengths_of(const std::vector<CalibrationPrompt>& prompts) {
  std::vector<std::int32_t> lengths;
  lengths.reserve(prompts.size());
  for (const CalibrationPrompt& prompt : prompts) lengths.push_back(static_cast<std::int32_t>(prompt.ids.size()));
  return lengths;
}

/// All ranks filter; rank 0 holds what every head says of every prompt.
PlannedSession plan_calibration(const Job& job, const Options& options, const OpenModel& model,
                                const std::vector<std::int32_t>& lengths) {
  const FilterProfile heads = every_head(model.config);
  const std::int32_t longest = *std::max_element(lengths.begin(), lengths.end());
  Workload workload = workload_of(Method::gemfilter, heads, longest, {.keep = longest / kKeptShare}, 0);
  const std::int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  workload.held_bytes = static_cast<std::uint64_t>(tokens) * heads.heads.size() * sizeof(float);
  return plan_session(job, options.run, model, workload, evidence_plan(job.world.size(), model.config.layer_count()));
}

std::vector<CalibrationCase> gather(const Job& job, const Options& options, const OpenModel& model,
                                    const PlannedSession& planned, const std::vector<CalibrationPrompt>& prompts,
                                    const std::vector<std::int32_t>& lengths) {
  EvidenceRun run(job.world, model.config, *model.weights, planned.plan, planned.compute);
  ProgressLine progress(job.first() ? options.output.progress : ProgressMode::never);
  const double all = std::accumulate(lengths.begin(), lengths.end(), 0.0);
  double done = 0;
  std::vector<CalibrationCase> cases;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const std::int32_t n = lengths[i];
    const std::span<const TokenId> ids =
        job.first() ? std::span<const TokenId>(prompts[i].ids) : std::span<const TokenId>();
    std::vector<float> columns =
        run.run(ids, n, [&](double share) { progress.update("calibrate", done + share * n, all); });
    done += n;
    progress.update("calibrate", done, all);
    if (!job.first()) continue;
    log_info("prompt {} of {}: {}, {} tokens", i + 1, lengths.size(), prompts[i].kind, n);
    cases.push_back({std::move(columns), prompts[i].answer, {.keep = std::max(n / kKeptShare, 1)}});
  }
  return cases;
}

FilterProfile finished_profile(const Calibration& found, const OpenModel& model, const Options& options,
                               std::size_t prompts) {
  FilterProfile profile = found.best.profile;
  profile.shape = ProfiledShape{model.config.layer_count(), model.config.heads, model.config.vocab};
  profile.fingerprint = fingerprint_text(model.weights->fingerprint());
  profile.below_target = !found.reached;
  const CalibrateOptions& wanted = options.calibrate;
  const std::string what =
      wanted.questions ? "of " + *wanted.questions
                       : fmt::format("of {} tokens in {}", wanted.lengths, wanted.texts.value_or("the bundled book"));
  profile.found = fmt::format(
      "{}: {} prompts {}; recall of the answers' tokens among the best sixteenth {:.3f} where it was "
      "chosen, {:.3f} where it was confirmed; target {}",
      made_now_text(), prompts, what, found.best.chosen_by, found.best.confirmed_by, wanted.target);
  return profile;
}

void write_results(const Job& job, const Options& options, const OpenModel& model, const Calibration& found,
                   std::size_t prompts) {
  const CalibrateOptions& wanted = options.calibrate;
  const FilterProfile profile = finished_profile(found, model, options, prompts);
  if (wanted.picture) write_file(*wanted.picture, recall_picture(found, wanted.target, model.name));
  if (wanted.output_file && is_standard_output(*wanted.output_file)) return write_result(profile_json(profile));
  std::optional<std::string> path = wanted.output_file;
  if (path)
    write_file(*path, profile_json(profile));
  else
    path = cache_profile(job.environment, model.weights->fingerprint(), profile);
  write_result(recall_table(found, wanted.target) + verdict(found, wanted.target) +
               (path ? fmt::format("written to {}\n", *path) : std::string()));
}

}  // namespace

int run_calibrate(const Job& job, const Options& options) {
  agreed_on_first(job, [&] {
    if (options.calibrate.output_file) require_writable(*options.calibrate.output_file, "--output");
    if (options.calibrate.picture) require_writable(*options.calibrate.picture, "--picture");
    if (options.output.trace_file) require_writable(*options.output.trace_file, "--trace");
  });
  prepare_compute(job, options.run);
  set_log_phase("load");
  const OpenModel model = open_model(job, options);
  const std::optional<Tokenizer> tokenizer = open_tokenizer(job, model.name, /*needed=*/true);
  std::vector<CalibrationPrompt> prompts;
  agreed_on_first(job, [&] {
    if (!tokenizer) {
      throw ConfigError({model.name, "has no tokenizer, so nothing can be asked of it",
                         "put its tokenizer.json there, or give --filter-layer where it is used"});
    }
    prompts = prompts_of(options, model, *tokenizer);
  });
  std::vector<std::int32_t> lengths = lengths_of(prompts);
  broadcast_control(job.world, lengths, 0);
  const PlannedSession planned = plan_calibration(job, options, model, lengths);
  TraceFile trace(job, options.output.trace_file);
  trace.start();
  set_log_phase("calibrate");
  const std::vector<CalibrationCase> cases = gather(job, options, model, planned, prompts, lengths);
  set_log_phase("report");
  bool reached = true;
  agreed_on_first(job, [&] {
    const Calibration found =
        calibrate(cases, model.config.layer_count(), model.config.heads, options.calibrate.target, 0);
    reached = found.reached;
    write_results(job, options, model, found, prompts.size());
  });
  broadcast_control(job.world, reached, 0);
  trace.write();
  return reached ? 0 : static_cast<int>(ExitCode::some_failed);
}

}  // namespace gemring
