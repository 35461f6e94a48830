#include "launch/prompts/profile_cache.h"

#include <fmt/format.h>

#include <filesystem>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/output_file.h"
#include "engine/weights/file.h"
#include "launch/options/environment.h"
#include "launch/prompts/model.h"

namespace gemring {

std::optional<std::string> cached_profile_path(const std::vector<std::string>& environment, std::uint64_t fingerprint) {
  std::filesystem::path directory = variable(environment, "XDG_CACHE_HOME");
  if (!directory.is_absolute()) {
    const std::filesystem::path home = variable(environment, "HOME");
    if (!home.is_absolute()) return std::nullopt;
    directory = home / ".cache";
  }
  return (directory / "gemring" / "profiles" / (fingerprint_text(fingerprint) + ".json")).string();
}

std::optional<ProfileFile> cached_profile(const std::vector<std::string>& environment, std::uint64_t fingerprint) {
  const std::optional<std::string> path = cached_profile_path(environment, fingerprint);
  return path && file_exists(*path) ? read_profile(*path) : std::nullopt;
}

std::optional<std::string> cache_profile(const std::vector<std::string>& environment, std::uint64_t fingerprint,
                                         const FilterProfile& profile) {
  const std::optional<std::string> path = cached_profile_path(environment, fingerprint);
  if (!path) {
    log_warn("neither XDG_CACHE_HOME nor HOME is an absolute path: the profile is kept nowhere; give --output FILE");
    return std::nullopt;
  }
  try {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(*path).parent_path(), error);
    write_file(*path, profile_json(profile));
    return path;
  } catch (const Error& error) {
    log_warn("the profile is kept nowhere: {}; give --output FILE", error.what());
    return std::nullopt;
  }
}

}  // namespace gemring
