#include "engine/weights/model_directory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/weights/file.h"

namespace gemring {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNamed = 6;  // of the files or folders that a message lists
constexpr const char* kWhatToGive =
    "give a .gguf file, or the directory of a Hugging Face checkpoint (config.json, tokenizer.json, *.safetensors)";

/// Paths of what lies in `directory`, sorted.
std::vector<std::string> entries(const std::string& directory, const std::function<bool(const fs::path&)>& wanted) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (wanted(entry->path())) found.push_back(entry->path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

std::string listed(const std::vector<std::string>& names) {
  if (names.size() <= kMostNamed) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more", fmt::join(names.begin(), names.begin() + kMostNamed, ", "),
                     names.size() - kMostNamed);
}

[[noreturn]] void refuse(const std::string& path, const std::string& problem, const std::string& advice) {
  throw ModelFileError({path, problem, advice});
}

[[noreturn]] void refuse_file(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  const std::string parent = folder.empty() ? "." : folder.string();
  if (path.ends_with(".safetensors") || path.ends_with(".json")) {
    refuse(path, "is one file of a checkpoint", fmt::format("give its directory, {}", parent));
  }
  refuse(path, "is neither a directory nor a GGUF file (it does not begin with \"GGUF\")", kWhatToGive);
}

/// `snapshots`: the folder of the hub's cache with a model's revisions.
[[noreturn]] void name_snapshots(const std::string& path, const std::string& snapshots) {
  const auto revisions = entries(snapshots, is_folder);
  refuse(path,
         fmt::format("is a folder of the hub's cache; its snapshots are {}",
                     revisions.empty() ? "none" : listed(revisions)),
         revisions.empty() ? "download the model again" : fmt::format("give {}", revisions.back()));
}

/// Of models--ORG--NAME/snapshots, however it is written.
bool is_snapshots(const std::string& path) {
  std::error_code error;
  fs::path folder = fs::absolute(path, error).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();
  return folder.filename() == "snapshots" && folder.parent_path().filename().string().starts_with("models--");
}

/// A folder that is no checkpoint by itself.
void look_inside(const std::string& path) {
  const auto ggufs = entries(path, [](const fs::path& file) { return file.extension() == ".gguf"; });
  if (!ggufs.empty()) {
    const bool one = ggufs.size() == 1;
    refuse(path, fmt::format("holds GGUF files and no config.json: {}", listed(ggufs)),
           one ? fmt::format("give {}", ggufs.front()) : "give one of them; of a split model the first part");
  }
  if (is_folder(fs::path(path) / "snapshots")) name_snapshots(path, path_in(path, "snapshots"));
  if (is_snapshots(path)) name_snapshots(path, path);
  const auto models = entries(path, [](const fs::path& folder) {
    return is_folder(folder) && folder.filename().string().starts_with("models--");
  });
  if (!models.empty()) {
    refuse(path, fmt::format("is the hub's cache; it holds {}", listed(models)),
           "give the snapshot of one of them: models--ORG--NAME/snapshots/REVISION");
  }
}

}  // namespace

void require_model_directory(const std::string& path) {
  if (!file_exists(path)) refuse(path, "there is no such file or directory", kWhatToGive);
  if (!is_folder(path)) refuse_file(path);
  if (file_exists(path_in(path, "config.json"))) return;
  const auto weights = entries(path, [](const fs::path& file) { return file.extension() == ".safetensors"; });
  if (weights.empty()) look_inside(path);
}

}  // namespace gemring
