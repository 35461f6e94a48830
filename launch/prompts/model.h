// The model a command works on, opened on every rank and compared between them; nothing of its weights is mapped yet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/model/config.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "engine/weights/tensor_source.h"
#include "launch/options/options.h"
#include "launch/start/job.h"

namespace gemring {

struct OpenModel {
  std::string name;            // directory, GGUF file, or the config of random weights: for the log
  std::string published_name;  // ModelFiles::name; empty with random weights
  ModelConfig config;
  std::unique_ptr<TensorSource> weights;
  bool from_files = true;  // false: random or converted weights, which every rank has for itself
};

/// Which open models a run works with: one that answers and one that filters; without --filter-model the same one
/// twice. Refers to them.
struct RunModels {
  RunModels(const OpenModel& one) : answer(one), filter(one) {}
  RunModels(const OpenModel& answering, const OpenModel& filtering) : answer(answering), filter(filtering) {}
  bool are_one() const { return &answer == &filter; }

  const OpenModel& answer;
  const OpenModel& filter;
};

/// What a command opened.
struct OpenModels {
  OpenModel answer;
  std::optional<OpenModel> filter;  // of --filter-model

  RunModels all() const { return filter ? RunModels(answer, *filter) : RunModels(answer); }
  std::string filter_name() const { return filter ? filter->name : ""; }
};

/// Throws AgreedError: a file that is missing or malformed on some rank (model_file, config), checkpoints that differ
/// between ranks (peer).
OpenModel open_model(const Job& job, const Options& options);

/// The same, and with --filter-model that one too. For bench, plan and simulate it may be a CONFIG.json: random weights
/// of that shape.
OpenModels open_models(const Job& job, const Options& options);

/// The tokenizer of the directory or GGUF file, on rank 0; nothing where a directory has no tokenizer.json. `needed`
/// false: one that cannot be read is a warning only (the prompt is token ids).
std::optional<Tokenizer> open_tokenizer(const Job& job, const std::string& model, bool needed);

/// "0x0123456789abcdef".
std::string fingerprint_text(std::uint64_t fingerprint);

}  // namespace gemring
