// Filter profiles of published checkpoints: from papers, and measured with gemring.
#pragma once

#include <optional>
#include <string_view>

#include "engine/selection/filter_profile.h"

namespace gemring {

struct KnownProfile {
  std::string_view model;   // as its publisher calls it
  std::string_view source;  // the paper, or what was measured
  FilterProfile profile;
};

/// Of the model with this name (general.name of a GGUF file, _name_or_path of a config.json, else the name of the file
/// or directory) and this shape; both must fit, for models of one shape filter in different layers (Qwen2-7B 19,
/// Qwen2.5-7B 16). Nothing for others.
std::optional<KnownProfile> known_profile(std::string_view name, const ModelConfig& config);

}  // namespace gemring
