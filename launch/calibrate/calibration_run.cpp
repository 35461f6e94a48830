#include "launch/calibrate/calibration_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

#include "distributed/comm/control.h"
#include "distributed/plan/work_terms.h"
#include "distributed/session/evidence_run.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "engine/selection/asking_tokens.h"
#include "engine/selection/profile_file.h"
#include "launch/calibrate/finished_passes.h"
#include "launch/cluster/workload.h"
#include "launch/output/progress.h"
#include "launch/prompts/chat.h"
#include "launch/prompts/given_text.h"
#include "launch/prompts/profile_cache.h"
#include "launch/start/version.h"

namespace gemring {
namespace {

// What is kept beside the forced tokens: the share of long prompts that default_keep() leaves. It leaves more of those
// that are measured here (256 tokens at least), but what is found is to hold where there is more to choose from.
constexpr std::int32_t kKeptShare = 16;
constexpr std::int32_t kLeastKept = 128;
constexpr std::int32_t kShortPromptShare = 8;

// The quick form.
constexpr std::array kQuickKinds = {NeedleKind::word,       NeedleKind::paraphrase, NeedleKind::uuid,
                                    NeedleKind::paraphrase, NeedleKind::many_keys,  NeedleKind::paraphrase,
                                    NeedleKind::two_facts,  NeedleKind::fact};
constexpr std::int32_t kQuickPrompts = 2 * kQuickKinds.size();  // side by side: one chooses, one confirms
constexpr std::int32_t kQuickTokens = 2048;
constexpr std::int32_t kFewestTokens = 512;  // shorter prompts say nothing of long ones
constexpr std::int32_t kLongerTokens = 256;  // than asked for a prompt never is by so much
constexpr std::int32_t kQuickWindow = 1024;
constexpr double kQuickLayers = 0.7;  // of all: no model is known that finds answers later only

void set_window(FilterProfile& profile, std::int32_t window) {
  profile.window = window;
  profile.sinks = window > 0 ? kCalibratedSinks : 0;
}

std::optional<ChatTemplate> chat_of(const OpenModel& model) {
  try {
    return open_chat_template(model.name, {});
  } catch (const Error& error) {
    log_info("calibration prompts are plain text: {}", error.what());
    return std::nullopt;
  }
}

/// What is measured.
FilterProfile measured_heads(const ModelConfig& config, const CalibrationAim& aim, std::int32_t window) {
  FilterProfile heads = every_head(config, aim.layers.value_or(config.layer_count()), kQueryCounts.back());
  set_window(heads, window);
  return heads;
}

/// All ranks filter; rank 0 holds what every head says of every prompt.
PlannedSession plan_calibration(const Job& job, const Options& options, const OpenModel& model,
                                const std::vector<std::int32_t>& lengths, const FilterProfile& heads) {
  const std::int32_t longest = *std::max_element(lengths.begin(), lengths.end());
  Workload workload = workload_of(Method::gemfilter, heads, longest, {.keep = longest / kKeptShare}, 0);
  const std::int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  workload.held_bytes = static_cast<std::uint64_t>(tokens) * heads.heads.size() * kQueryCounts.size() * sizeof(float);
  return plan_session(job, options.run, model, workload, evidence_plan(job.world.size(), model.config.layer_count()));
}

/// What every rank knows of the prompts.
struct PromptSizes {
  std::vector<std::int32_t> lengths;
  std::vector<std::int32_t> spans;  // of their questions
};

PromptSizes sizes_of(const Job& job, const std::vector<CalibrationPrompt>& prompts) {
  PromptSizes sizes;
  for (const CalibrationPrompt& prompt : prompts) {
    sizes.lengths.push_back(static_cast<std::int32_t>(prompt.ids.size()));
    sizes.spans.push_back(question_span({.forced = prompt.forced}, sizes.lengths.back()));
  }
  broadcast_control(job.world, sizes.lengths, 0);
  broadcast_control(job.world, sizes.spans, 0);
  return sizes;
}

/// How far all passes of all windows are.
class Passes {
 public:
  Passes(const Job& job, const Options& options, const std::vector<std::int32_t>& lengths, std::size_t windows)
      : line_(job.first() ? options.output.progress : ProgressMode::never),
        all_(std::accumulate(lengths.begin(), lengths.end(), 0.0) * static_cast<double>(windows)) {}

  void show(double tokens) { line_.update("calibrate", done_ + tokens, all_); }
  void pass_done(double tokens) {
    done_ += tokens;
    show(0);
  }

 private:
  ProgressLine line_;
  double all_;
  double done_ = 0;
};

/// Units that may be kept whole, the one that makes whole facts last.
std::vector<ResolvedSelection> selections_of(const CalibrationPrompt& prompt) {
  const auto n = static_cast<std::int32_t>(prompt.ids.size());
  ResolvedSelection tokens;
  tokens.forced = prompt.forced;
  tokens.keep = static_cast<std::int32_t>(count_tokens(tokens.forced)) +
                std::max(n / kKeptShare, std::min(kLeastKept, std::max(n / kShortPromptShare, 1)));
  ResolvedSelection chunks = tokens;
  chunks.unit = KeepUnit::chunks;
  chunks.pool_width = 1;  // a unit has its best token's score
  ResolvedSelection sentences = chunks;
  sentences.unit = KeepUnit::sentences;
  sentences.unit_ends = prompt.sentence_ends;
  return {tokens, chunks, sentences};
}

/// Everything that a pass's numbers depend on beside the checkpoint, the window and the prompt's number.
std::uint64_t run_number(const std::vector<CalibrationPrompt>& prompts, DataType kv_type, std::int32_t layers) {
  const Compute compute = active_compute();
  std::uint64_t hash = fnv1a(fmt::format("{} {} {} {} {}", program_version(), name(compute.many),
                                         name(compute.many_blocks), name(kv_type), layers));
  for (const CalibrationPrompt& prompt : prompts) {
    hash = fnv1a(prompt.ids.size(), hash);
    for (const TokenId id : prompt.ids) hash = fnv1a(static_cast<std::uint64_t>(id.value()), hash);
  }
  return hash;
}

/// The passes of one calibration, those of an interrupted one before included.
class Evidence {
 public:
  Evidence(const Job& job, const OpenModel& model, const std::vector<CalibrationPrompt>& prompts,
           const PromptSizes& sizes, Passes& passes)
      : job_(job), model_(model), prompts_(prompts), sizes_(sizes), passes_(passes) {}

  /// On rank 0; elsewhere nothing.
  std::vector<CalibrationCase> gather(const PlannedSession& planned, const FilterProfile& heads) {
    if (!run_) {
      run_.emplace(job_.world, model_.config, *model_.weights, planned.plan, planned.compute, heads);
      if (job_.first()) resume(planned.compute.kv_type, heads.filter_layer().value() + 1);
    }
    std::vector<CalibrationCase> cases;
    for (std::size_t i = 0; i < sizes_.lengths.size(); ++i) {
      std::optional<CalibrationCase> one = pass(heads, i);
      passes_.pass_done(sizes_.lengths[i]);
      if (!one) continue;
      one->answer = prompts_[i].answer;
      one->paraphrased = prompts_[i].paraphrased;
      one->selections = selections_of(prompts_[i]);
      cases.push_back(*std::move(one));
    }
    return cases;
  }

  /// Of the passes that were made.
  double flop_per_second() const { return seconds_ > 0 ? flop_ / seconds_ : 0; }

  /// All is done and used.
  void forget() {
    if (finished_) finished_->remove();
  }

 private:
  void resume(DataType kv_type, std::int32_t layers) {
    finished_.emplace(finished_passes_path(job_.environment, model_.weights->fingerprint()),
                      run_number(prompts_, kv_type, layers));
    if (finished_->size() > 0) log_info("{} passes are there of a calibration that was interrupted", finished_->size());
  }

  std::optional<CalibrationCase> pass(const FilterProfile& heads, std::size_t i) {
    const std::int32_t n = sizes_.lengths[i];
    const auto number = static_cast<std::int32_t>(i);
    bool is_there = finished_ && finished_->has(heads.window, number);
    broadcast_control(job_.world, is_there, 0);
    if (is_there) return job_.first() ? std::optional(finished_->take(heads.window, number)) : std::nullopt;
    const std::span<const TokenId> ids =
        job_.first() ? std::span<const TokenId>(prompts_[i].ids) : std::span<const TokenId>();
    const double begin = steady_seconds();
    const std::vector<float> columns =
        run_->run(ids, n, sizes_.spans[i], {heads.window, heads.sinks}, [&](double share) { passes_.show(share * n); });
    seconds_ += steady_seconds() - begin;
    flop_ += filter_pass_flop(model_.config, heads, n);
    if (!job_.first()) return std::nullopt;
    log_debug("prompt {} of {}: {}, {} tokens, window {}", i + 1, sizes_.lengths.size(), prompts_[i].kind, n,
              heads.window);
    CalibrationCase made = case_of(columns, n, heads.filter_layer().value() + 1, model_.config.heads);
    finished_->add(heads.window, number, made);
    return made;
  }

  const Job& job_;
  const OpenModel& model_;
  const std::vector<CalibrationPrompt>& prompts_;
  const PromptSizes& sizes_;
  Passes& passes_;
  std::optional<EvidenceRun> run_;
  std::optional<FinishedPasses> finished_;  // rank 0's
  double flop_ = 0;
  double seconds_ = 0;
};

std::size_t cheapest_window(const std::vector<WindowCalibration>& windows, const ModelConfig& config) {
  const auto cost = [&](const WindowCalibration& each) {
    const CalibratedProfile& best = each.found.best;
    return std::tuple(!each.found.reached, each.found.reached ? 0 : -best.least(),
                      filter_pass_flop(config, best.profile, kCostTokens));
  };
  const auto cheapest =
      std::min_element(windows.begin(), windows.end(), [&](const auto& a, const auto& b) { return cost(a) < cost(b); });
  return static_cast<std::size_t>(cheapest - windows.begin());
}

}  // namespace

double filter_pass_flop(const ModelConfig& config, const FilterProfile& profile, std::int32_t tokens) {
  const LayerFlop flop(config);
  const PositionRange all{GlobalPosition(0), GlobalPosition(tokens)};
  double seen = 0;
  for (LayerIndex layer(0); layer < profile.filter_layer(); ++layer) {
    const std::int32_t own = config.layer(layer).window;
    seen += keys_seen({all}, profile.window > 0 ? std::min(profile.window + profile.sinks, own) : own);
  }
  return profile.filter_layer().value() * flop.linear() * tokens + seen * flop.pair +
         tokens * flop.scoring(profile.scoring_layers(), profile.columns());
}

std::vector<CalibrationPrompt> calibration_prompts(const Options& options, const OpenModel& model,
                                                   const Tokenizer& tokenizer) {
  const CalibrateOptions& wanted = options.calibrate;
  const std::optional<ChatTemplate> chat = chat_of(model);
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

CalibrationOutcome calibrate_model(const Job& job, const Options& options, const OpenModel& model,
                                   const std::vector<CalibrationPrompt>& prompts, const CalibrationAim& aim) {
  const PromptSizes sizes = sizes_of(job, prompts);
  Passes passes(job, options, sizes.lengths, aim.windows.size());
  CalibrationOutcome outcome;
  Evidence evidence(job, model, prompts, sizes, passes);
  for (const std::int32_t window : aim.windows) {
    const FilterProfile heads = measured_heads(model.config, aim, window);
    const PlannedSession planned = plan_calibration(job, options, model, sizes.lengths, heads);
    const std::vector<CalibrationCase> cases = evidence.gather(planned, heads);
    if (!job.first()) continue;
    WindowCalibration of_window{
        window, calibrate(cases, heads.filter_layer().value() + 1, model.config.heads, aim.target, aim.margin)};
    set_window(of_window.found.best.profile, window);
    set_window(of_window.found.runner_up.profile, window);
    outcome.windows.push_back(std::move(of_window));
  }
  if (job.first()) {
    outcome.chosen = cheapest_window(outcome.windows, model.config);
    outcome.reached = outcome.best().reached;
    outcome.flop_per_second = evidence.flop_per_second();
    evidence.forget();
  }
  broadcast_control(job.world, outcome.reached, 0);
  return outcome;
}

FilterProfile finished_profile(const CalibrationOutcome& outcome, const OpenModel& model, const CalibrationAim& aim,
                               const std::string& prompts) {
  const CalibratedProfile& best = outcome.best().best;
  FilterProfile profile = best.profile;
  profile.shape = ProfiledShape{model.config.layer_count(), model.config.heads, model.config.vocab};
  profile.fingerprint = fingerprint_text(model.weights->fingerprint());
  profile.below_target = !outcome.reached;
  profile.found = fmt::format(
      "{}: {}; recall of the answers' tokens among the best sixteenth (or {} tokens) {:.3f} where it was chosen, "
      "{:.3f} where it was confirmed, of paraphrases {:.3f}; target {}",
      made_now_text(), prompts, kLeastKept, best.chosen_by, best.confirmed_by, best.paraphrased, aim.target);
  return profile;
}

std::int32_t quick_calibration_tokens(const ModelConfig& config) {
  const std::int32_t tokens = std::min(kQuickTokens, config.max_positions - kLongerTokens);
  return tokens < kFewestTokens ? 0 : tokens;
}

FilterProfile calibrate_on_the_spot(const Job& job, const Options& options, const OpenModel& model,
                                    const Tokenizer* tokenizer) {
  const auto layers = static_cast<std::int32_t>(std::ceil(kQuickLayers * model.config.layer_count()));
  const CalibrationAim aim{.windows = {kQuickWindow}, .target = 0.99, .margin = 1, .layers = layers};
  const std::int32_t tokens = quick_calibration_tokens(model.config);
  std::vector<CalibrationPrompt> prompts;
  agreed_on_first(job, [&] {
    log_info(
        "nobody has measured how this model filters: {} prompts of {} tokens tell it, once (--no-calibrate leaves "
        "it at a rule of thumb)",
        kQuickPrompts, grouped(static_cast<std::uint64_t>(tokens)));
    const std::optional<ChatTemplate> chat = chat_of(model);
    const CalibrationPrompts maker(*tokenizer, chat ? &*chat : nullptr, bundled_text());
    for (std::int32_t i = 0; i < kQuickPrompts; ++i) {
      const NeedleKind kind = kQuickKinds[static_cast<std::size_t>(i / 2)];
      prompts.push_back(maker.make(kind, tokens, static_cast<std::uint64_t>(i) + 1));
    }
  });
  const CalibrationOutcome outcome = calibrate_model(job, options, model, prompts, aim);
  std::string json;
  agreed_on_first(job, [&] {
    const FilterProfile profile = finished_profile(
        outcome, model, aim, fmt::format("{} prompts of {} tokens in the bundled book", kQuickPrompts, tokens));
    const auto path = cache_profile(job.environment, model.weights->fingerprint(), profile);
    log_info("filter: {} of {} layers, {}{}", profile.filter_layer().value(), model.config.layer_count(),
             describe(profile), path ? fmt::format(", kept in {}", *path) : "");
    if (profile.below_target) {
      log_warn(
          "the filter profile keeps {:.3f} of the answers' tokens, which is less than {}: a larger --keep or "
          "--method full is surer with this model",
          outcome.best().best.least(), aim.target);
    }
    json = profile_json(profile);
  });
  broadcast_control(job.world, json, 0);
  return parse_profile(json, "rank 0's filter profile");
}

}  // namespace gemring
