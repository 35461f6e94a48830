// Where calibrated filter profiles of this user lie.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/selection/profile_file.h"

namespace gemring {

/// profiles/FINGERPRINT.json in gemring's directory of XDG_CACHE_HOME, or of ~/.cache where that is unset or no
/// absolute path, as the XDG Base Directory Specification says. Nothing without either. `environment`: "NAME=value".
std::optional<std::string> cached_profile_path(const std::vector<std::string>& environment, std::uint64_t fingerprint);

/// The profile there; nothing where there is none. Throws ConfigError (damaged), ModelFileError (cannot be read).
std::optional<ProfileFile> cached_profile(const std::vector<std::string>& environment, std::uint64_t fingerprint);

/// Puts it there, with the directories that are missing. What was written; nothing, after a warning, where that cannot
/// be.
std::optional<std::string> cache_profile(const std::vector<std::string>& environment, std::uint64_t fingerprint,
                                         const FilterProfile& profile);

}  // namespace gemring
