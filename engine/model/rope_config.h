// Private to this folder. The rotary embedding of a config.json, in both of its spellings.
#pragma once

#include "engine/model/config.h"
#include "engine/model/config_json.h"

namespace gemring {

/// Reads rope_theta and rope_scaling, or the newer rope_parameters. `model`: head_dim and max_positions as config.json
/// states them. Throws ConfigError for a kind that is not supported, ModelFileError for impossible figures.
RopeConfig read_rope(const JsonFields& config, const ModelConfig& model);

/// longrope's attention factor where a file gives none: sqrt(1 + ln(stretch) / ln(original positions)).
double longrope_attention_factor(double max_positions, double original_max_positions);

/// YaRN's, 0.1 mscale ln(factor) + 1 (arXiv 2309.00071, section 3.4).
double yarn_attention_factor(double factor, double mscale);

/// Positions that a model with this RoPE was made for, where the file states `stated` ones. Some files of yarn and
/// linear models state those before the stretch.
std::int32_t stretched_positions(const RopeConfig& rope, std::int32_t stated);

}  // namespace gemring
