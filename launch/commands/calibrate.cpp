#include <fmt/format.h>

#include <optional>

#include "engine/base/error.h"
#include "engine/base/output_file.h"
#include "engine/selection/profile_file.h"
#include "launch/calibrate/calibration_run.h"
#include "launch/calibrate/calibration_table.h"
#include "launch/commands/commands.h"
#include "launch/output/text_output.h"
#include "launch/output/trace_file.h"
#include "launch/prompts/model.h"
#include "launch/prompts/profile_cache.h"
#include "launch/start/start_up.h"

namespace gemring {
namespace {

CalibrationAim aim_of(const CalibrateOptions& options) {
  return {.windows = parse_windows(options.windows), .target = options.target};
}

std::string words_of(const CalibrateOptions& options, std::size_t prompts) {
  return options.questions ? fmt::format("{} questions of {}", prompts, *options.questions)
                           : fmt::format("{} prompts of {} tokens in {}", prompts, options.lengths,
                                         options.texts.value_or("the bundled book"));
}

void write_results(const Job& job, const Options& options, const OpenModel& model, const CalibrationOutcome& outcome,
                   std::size_t prompts) {
  const CalibrateOptions& wanted = options.calibrate;
  const FilterProfile profile = finished_profile(outcome, model, aim_of(wanted), words_of(wanted, prompts));
  if (wanted.picture) write_file(*wanted.picture, recall_picture(outcome.best(), wanted.target, model.name));
  if (wanted.output_file && is_standard_output(*wanted.output_file)) return write_result(profile_json(profile));
  std::optional<std::string> path = wanted.output_file;
  if (path)
    write_file(*path, profile_json(profile));
  else
    path = cache_profile(job.environment, model.weights->fingerprint(), profile);
  std::string text;
  for (const WindowCalibration& each : outcome.windows) {
    text += each.window > 0
                ? fmt::format("layers see {} sink tokens and a window of {}\n", kCalibratedSinks, each.window)
                : std::string("layers see everything\n");
    text += recall_table(each.found, wanted.target) + "\n";
  }
  write_result(text + verdict(outcome, model.config, wanted.target) +
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
    prompts = calibration_prompts(options, model, *tokenizer);
  });
  TraceFile trace(job, options.output.trace_file);
  trace.start();
  set_log_phase("calibrate");
  const CalibrationOutcome outcome = calibrate_model(job, options, model, prompts, aim_of(options.calibrate));
  set_log_phase("report");
  agreed_on_first(job, [&] { write_results(job, options, model, outcome, prompts.size()); });
  trace.write();
  return outcome.reached ? 0 : static_cast<int>(ExitCode::some_failed);
}

}  // namespace gemring
