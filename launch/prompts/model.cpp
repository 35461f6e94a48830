#include "launch/prompts/model.h"

#include <fmt/format.h>

#include "distributed/comm/control.h"
#include "engine/base/error.h"
#include "engine/model/model_files.h"
#include "engine/model/tensors.h"
#include "engine/model/weights.h"
#include "engine/weights/file.h"
#include "engine/weights/gguf/gguf.h"
#include "engine/weights/made/converted_tensors.h"
#include "engine/weights/made/random_tensors.h"
#include "engine/weights/model_directory.h"
#include "launch/start/start_up.h"

namespace gemring {
namespace {

/// The embedding and the output matrix are what q4_0 is too coarse for, as llama.cpp finds.
void convert(OpenModel& model, DataType type) {
  const auto name_of = [&](TensorRole role) { return tensor_name(model.config.naming, role, LayerIndex(0)); };
  const std::string embedding = name_of(TensorRole::embedding);
  const std::string output = name_of(TensorRole::output);
  ConvertedTensors converted = convert_tensors(
      std::move(model.weights),
      {.type = type, .is_sensitive = [=](std::string_view tensor) { return tensor == embedding || tensor == output; }});
  model.weights = std::move(converted.tensors);
  model.from_files = false;
  if (converted.kept_bf16 > 0) {
    log_info("{} matrices became bf16: their rows are no whole number of {} blocks", converted.kept_bf16, name(type));
  }
}

/// What to open: a directory or GGUF file, or the config.json of random weights.
struct ModelSource {
  std::string path;
  bool is_shape = false;
};

OpenModel open_here(const ModelSource& source, const std::optional<DataType>& weights) {
  OpenModel model;
  model.name = source.path;
  const bool made_in_blocks = source.is_shape && weights == DataType::q4_k;  // nothing converts to it
  if (source.is_shape) {
    model.config = load_model_config_file(model.name);
    const DataType made = made_in_blocks ? DataType::q4_k : DataType::bf16;
    model.weights = random_tensors(expected_tensors(model.config, made));
    model.from_files = false;
  } else {
    ModelFiles files = open_model_files(model.name);
    model.published_name = std::move(files.name);
    model.config = std::move(files.config);
    model.weights = std::move(files.weights);
  }
  check_tensors(*model.weights, model.config);
  if (weights && !made_in_blocks) convert(model, *weights);
  return model;
}

/// On every rank, and equal there. `what`: what errors call it.
OpenModel open_on_all(const Job& job, const ModelSource& source, const Options& options, const std::string& what) {
  OpenModel model;
  agreed(job, [&] { model = open_here(source, options.run.weights); });
  std::vector<std::string> fingerprints, configs;
  const std::vector<std::string> mine = {fingerprint_text(model.weights->fingerprint()), describe(model.config)};
  for (std::vector<std::string>& rank : all_gather_control(job.world, mine)) {
    fingerprints.push_back(std::move(rank.at(0)));
    configs.push_back(std::move(rank.at(1)));
  }
  const std::string advice = fmt::format("copy the same files to {} on every machine", model.name);
  require_equal(fingerprints, job.hosts, what + "checkpoint fingerprint", advice);
  require_equal(configs, job.hosts, what + "config", advice);
  if (job.first()) log_info("{}{}: {}; fingerprint {}", what, model.name, configs[0], fingerprints[0]);
  return model;
}

ModelSource filter_source(const Options& options) {
  const Command command = options.command;
  const bool takes_shapes = command == Command::bench || command == Command::plan || command == Command::simulate;
  return {*options.filter.model, takes_shapes && options.filter.model->ends_with(".json")};
}

}  // namespace

std::string fingerprint_text(std::uint64_t fingerprint) {
  return fmt::format("{:#018x}", fingerprint);
}

OpenModel open_model(const Job& job, const Options& options) {
  const ModelSource source = options.bench.random_weights ? ModelSource{*options.bench.random_weights, true}
                                                          : ModelSource{options.model_directory, false};
  return open_on_all(job, source, options, "");
}

OpenModels open_models(const Job& job, const Options& options) {
  OpenModels models{open_model(job, options), std::nullopt};
  if (options.filter.model) models.filter = open_on_all(job, filter_source(options), options, "filter model: ");
  return models;
}

std::optional<Tokenizer> open_tokenizer(const Job& job, const std::string& model, bool needed) {
  std::optional<Tokenizer> tokenizer;
  agreed_on_first(job, [&] {
    if (model.empty()) return;
    if (!is_gguf_path(model)) {
      require_model_directory(model);
      if (!file_exists(path_in(model, "tokenizer.json"))) return;
    }
    try {
      tokenizer = Tokenizer::load(model);
    } catch (const Error& error) {
      if (needed) throw;
      log_warn("no text without a tokenizer: {}", error.what());
    }
  });
  return tokenizer;
}

}  // namespace gemring
