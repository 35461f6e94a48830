#include "launch/prompts/filter_choice.h"

#include <fmt/format.h>

#include <utility>

#include "distributed/comm/control.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/selection/known_profiles.h"
#include "engine/selection/profile_file.h"
#include "launch/prompts/given_text.h"
#include "launch/prompts/profile_cache.h"

namespace gemring {
namespace {

FilterChoice from_option(std::int32_t layer, const ModelConfig& config) {
  if (layer < 0 || layer >= config.layer_count()) {
    throw UsageError({"--filter-layer",
                      fmt::format("layer {} is outside 0..{}: the model has {} layers", layer, config.layer_count() - 1,
                                  config.layer_count()),
                      "layers count from 0"});
  }
  return {gemfilter_profile(LayerIndex(layer)), "--filter-layer", ""};
}

FilterChoice from_file(ProfileFile file, const OpenModel& model) {
  check_profile(file.profile, model.config, file.path);
  FilterChoice choice{std::move(file.profile), file.path, ""};
  const std::string fingerprint = fingerprint_text(model.weights->fingerprint());
  if (!choice.profile.fingerprint.empty() && choice.profile.fingerprint != fingerprint) {
    choice.warning = fmt::format(
        "{} was found with other weights of the same shape (fingerprint {}, these are {}): another quantisation or a "
        "fine-tune, which may filter in other heads",
        file.path, choice.profile.fingerprint, fingerprint);
  } else if (choice.profile.below_target) {
    choice.warning = fmt::format("{} is the best that calibration found, and not as good as was wanted: {}", file.path,
                                 choice.profile.found);
  }
  return choice;
}

FilterChoice by_rule(const ModelConfig& config) {
  const LayerIndex layer = config.rule_of_thumb_filter_layer();
  return {gemfilter_profile(layer), "rule of thumb",
          fmt::format("filter layer {} is only a rule of thumb (0.6 x {} layers): a layer too early misses the answer; "
                      "measure it with gemring calibrate, or give --filter-layer, or a profile "
                      "({{\"filter_layer\": R}}) with --filter-profile or beside the model",
                      layer.value(), config.layer_count()),
          true};
}

/// Of what nobody named on the command line.
FilterChoice found_choice(const OpenModel& model, const std::vector<std::string>& environment) {
  if (!model.published_name.empty()) {  // no random weights
    if (std::optional<ProfileFile> file = find_profile(model.name)) return from_file(std::move(*file), model);
    if (std::optional<ProfileFile> file = cached_profile(environment, model.weights->fingerprint())) {
      return from_file(std::move(*file), model);
    }
  }
  if (std::optional<KnownProfile> known = known_profile(model.published_name, model.config)) {
    return {std::move(known->profile), fmt::format("{}: {}", known->model, known->source), ""};
  }
  return by_rule(model.config);
}

}  // namespace

FilterChoice choose_filter(const FilterOptions& options, const OpenModel& model,
                           const std::vector<std::string>& environment) {
  if (options.filter_layer) return from_option(*options.filter_layer, model.config);
  if (options.filter_profile) {
    const std::string& path = *options.filter_profile;
    return from_file({path, parse_profile(read_given_text(path, "--filter-profile"), path)}, model);
  }
  FilterChoice choice = found_choice(model, environment);
  if (options.selection.policy == SelectionPolicy::paper) choice.profile.window = choice.profile.sinks = 0;
  return choice;
}

std::int32_t filter_positions(const ModelConfig& config, const FilterProfile& profile) {
  return profile.window > 0 ? kAnyPositions : config.max_positions;
}

FilterProfile agree_on_filter(const Job& job, const Options& options, const OpenModel& model,
                              const MeasureFilter& measure) {
  if (options.filter.method == Method::full) return gemfilter_profile(LayerIndex(0));
  std::string text;
  bool measures = false;
  agreed_on_first(job, [&] {
    const FilterChoice choice = choose_filter(options.filter, model, job.environment);
    measures = choice.by_rule && measure && !options.filter.no_calibrate;
    if (measures) return;
    if (!choice.warning.empty()) log_warn("{}", choice.warning);
    log_info("filter: {} of {} layers, {} ({})", choice.profile.filter_layer().value(), model.config.layer_count(),
             describe(choice.profile), choice.source);
    text = profile_json(choice.profile);
  });
  broadcast_control(job.world, measures, 0);
  if (measures) return measure();
  broadcast_control(job.world, text, 0);
  return parse_profile(text, "rank 0's filter profile");
}

}  // namespace gemring
