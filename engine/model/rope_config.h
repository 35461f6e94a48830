// Private to this folder. The rotary embedding of a config.json, in both of its spellings.
#pragma once

#include "engine/model/config.h"
#include "engine/model/config_json.h"

namespace gemring {

/// Reads rope_theta and rope_scaling, or the newer rope_parameters. Throws ConfigError for a kind that is not
/// supported, ModelFileError for impossible figures.
RopeConfig read_rope(const JsonFields& config);

}  // namespace gemring
