// Files of filter profiles: JSON of profile.proto.
#pragma once

#include <optional>
#include <string>

#include "engine/selection/filter_profile.h"

namespace gemring {

/// `place` is named in errors. Throws ConfigError: no JSON, a field that profile.proto does not have, neither
/// filter_layer nor heads or both, a head without a layer, an even pool. Not compared with a model: check_profile()
/// does that.
FilterProfile parse_profile(const std::string& json, const std::string& place);

/// What parse_profile() reads.
std::string profile_json(const FilterProfile& profile);

struct ProfileFile {
  std::string path;
  FilterProfile profile;
};

/// Nothing where it says nothing ({}). Throws ConfigError, and ModelFileError where it cannot be read.
std::optional<ProfileFile> read_profile(const std::string& path);

/// The one that lies with a model: gemring.json in its directory; beside a GGUF file NAME.gemring.json, else
/// gemring.json. Nothing where there is none, or one that says nothing. Throws as read_profile().
std::optional<ProfileFile> find_profile(const std::string& model);

}  // namespace gemring
