#include "launch/model.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "distributed/comm/control.h"
#include "engine/base/error.h"
#include "engine/model/model_files.h"
#include "engine/model/tensors.h"
#include "engine/model/weights.h"
#include "launch/start_up.h"

namespace gemring {
namespace {

OpenModel open_here(const Options& options) {
  OpenModel model;
  if (options.bench.random_weights) {
    model.name = *options.bench.random_weights;
    model.config = load_model_config_file(model.name);
    model.weights = random_tensors(expected_tensors(model.config, options.bench.weights));
    model.from_files = false;
  } else {
    model.name = options.model_directory;
    ModelFiles files = open_model_files(model.name);
    model.config = std::move(files.config);
    model.weights = std::move(files.weights);
  }
  check_tensors(*model.weights, model.config);
  return model;
}

}  // namespace

std::string fingerprint_text(std::uint64_t fingerprint) {
  return fmt::format("{:#018x}", fingerprint);
}

OpenModel open_model(const Job& job, const Options& options) {
  OpenModel model;
  agreed(job, [&] { model = open_here(options); });
  std::vector<std::string> fingerprints, configs;
  const std::vector<std::string> mine = {fingerprint_text(model.weights->fingerprint()), describe(model.config)};
  for (std::vector<std::string>& rank : all_gather_control(job.world, mine)) {
    fingerprints.push_back(std::move(rank.at(0)));
    configs.push_back(std::move(rank.at(1)));
  }
  const std::string advice = fmt::format("copy the same files to {} on every machine", model.name);
  require_equal(fingerprints, job.hosts, "checkpoint fingerprint", advice);
  require_equal(configs, job.hosts, "config", advice);
  if (job.first()) log_info("{}: {}; fingerprint {}", model.name, configs[0], fingerprints[0]);
  return model;
}

std::optional<Tokenizer> open_tokenizer(const Job& job, const std::string& model_directory, bool needed) {
  std::optional<Tokenizer> tokenizer;
  agreed_on_first(job, [&] {
    struct stat status {};
    if (model_directory.empty() || stat((model_directory + "/tokenizer.json").c_str(), &status) != 0) return;
    try {
      tokenizer = Tokenizer::load(model_directory);
    } catch (const Error& error) {
      if (needed) throw;
      log_warn("no text without a tokenizer: {}", error.what());
    }
  });
  return tokenizer;
}

FilterLayer choose_filter_layer(std::optional<std::int32_t> option, std::optional<LayerIndex> profile,
                                const ModelConfig& config) {
  const auto problem = [&](std::int32_t layer) {
    return fmt::format("layer {} is outside 0..{}: the model has {} layers", layer, config.layers - 1, config.layers);
  };
  const auto outside = [&](std::int32_t layer) { return layer < 0 || layer >= config.layers; };
  if (option) {
    if (outside(*option)) throw UsageError({"--filter-layer", problem(*option), "layers count from 0"});
    return {LayerIndex(*option), "--filter-layer"};
  }
  if (profile) {
    if (outside(profile->value())) {
      throw ConfigError({"gemring.json", problem(profile->value()), "correct filter_layer or give --filter-layer"});
    }
    return {*profile, "gemring.json"};
  }
  return {config.rule_of_thumb_filter_layer(), "rule of thumb"};
}

LayerIndex agree_on_filter_layer(const Job& job, const Options& options, const ModelConfig& config) {
  if (options.filter.method == Method::full) return LayerIndex(0);
  FilterLayer choice;
  agreed_on_first(job, [&] {
    const auto profile =
        options.model_directory.empty() ? std::nullopt : load_profile_filter_layer(options.model_directory);
    choice = choose_filter_layer(options.filter.filter_layer, profile, config);
    if (choice.source == "rule of thumb") {
      log_warn(
          "filter layer {} is only a rule of thumb (0.45 x {} layers): give --filter-layer, or put "
          "{{\"filter_layer\": R}} into the model's gemring.json; a layer too early misses the answer",
          choice.layer.value(), config.layers);
    } else {
      log_info("filter layer {} of {} ({})", choice.layer.value(), config.layers, choice.source);
    }
  });
  std::int32_t layer = choice.layer.value();
  broadcast_control(job.world, layer, 0);
  return LayerIndex(layer);
}

}  // namespace gemring
