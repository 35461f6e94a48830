// Private to this folder. What must hold of a config, whichever file it comes from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/model/config.h"

namespace gemring {

/// So many layers, all alike. Throws ModelFileError naming `file` where no model has so many.
std::vector<LayerShape> layers_alike(std::int32_t count, const LayerShape& shape, const std::string& file);

/// Throws ModelFileError naming `file` where heads and widths do not go together. `head_dim_is_derived`: the
/// file gives none, it is hidden / heads.
void check_shape(const ModelConfig& model, const std::string& file, bool head_dim_is_derived);

/// Throws ModelFileError naming `file` where figures that are possible by themselves are not together: a head so wide,
/// or a rotary embedding or an epsilon beyond what f32 holds, which would make every result NaN.
void check_numbers(const ModelConfig& model, const std::string& file);

/// Adds an end token that `file` names, once. Warns of one beyond the vocabulary, which never comes.
void add_end_token(std::uint64_t id, const std::string& file, ModelConfig& model);

}  // namespace gemring
