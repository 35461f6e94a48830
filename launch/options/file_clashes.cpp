#include "launch/options/file_clashes.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/error.h"

namespace gemring {
namespace {

using FileId = std::pair<dev_t, ino_t>;

/// Of a regular file that is there.
std::optional<FileId> id_in(int failed, const struct stat& status) {
  if (failed != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return FileId{status.st_dev, status.st_ino};
}

std::optional<FileId> id_of(const std::string& path) {
  struct stat status {};
  return id_in(stat(path.c_str(), &status), status);
}

/// Where a file that is not there yet will be: links followed, of which the last may lead to nothing.
std::filesystem::path place_of(std::filesystem::path path) {
  constexpr int kMostLinks = 40;  // as Linux allows
  std::error_code error;
  for (int links = 0; links < kMostLinks && std::filesystem::is_symlink(path, error); ++links) {
    path = path.parent_path() / std::filesystem::read_symlink(path, error);
  }
  return std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
}

/// Whether two names of files to be written mean one file.
bool same_output(const std::string& one, const std::string& other) {
  if (one == "-" || other == "-") return false;
  struct stat status {};
  if (stat(one.c_str(), &status) != 0) return place_of(one) == place_of(other);
  const std::optional<FileId> written = id_of(one);
  return written && written == id_of(other);
}

std::optional<FileId> id_of_standard_input() {
  struct stat status {};
  return id_in(fstat(STDIN_FILENO, &status), status);
}

/// Whether a model's directory has it for its tensors, its tokenizer, its chat template or its profile.
bool belongs_to_model(std::string_view name) {
  constexpr std::array<std::string_view, 4> kEndings = {".safetensors", ".safetensors.index.json", ".gguf", ".jinja"};
  constexpr std::array<std::string_view, 5> kNames = {"config.json", "generation_config.json", "tokenizer.json",
                                                      "tokenizer_config.json", "gemring.json"};
  return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view end) { return name.ends_with(end); }) ||
         std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

/// `path`, or of a directory the model's files in it; of a GGUF file also its other parts and the profile beside it.
std::vector<std::string> files_read(const std::filesystem::path& path) {
  std::vector<std::string> files;
  std::error_code error;
  const bool whole_directory = std::filesystem::is_directory(path, error);
  const bool gguf = path.extension() == ".gguf";
  if (!whole_directory) files.push_back(path);
  if (!whole_directory && !gguf) return files;
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
  for (const auto& entry : std::filesystem::directory_iterator(whole_directory ? path : parent, error)) {
    const std::string name = entry.path().filename();
    const bool is_read = whole_directory ? belongs_to_model(name) : name.ends_with(".gguf") || name == "gemring.json";
    if (is_read) files.push_back(entry.path());
  }
  return files;
}

/// Whether `path` is the directory or lies right in it.
bool is_in(const std::string& path, const std::filesystem::path& directory) {
  const std::filesystem::path place = place_of(path);
  return place == directory || place.parent_path() == directory;
}

[[noreturn]] void refuse(const GivenOption& output, const std::string& problem) {
  throw UsageError({output.option->name, fmt::format("{} {}", output.texts.front(), problem), "name another file"});
}

void refuse_clash(const GivenOption& output, const FileId& written, const GivenOption& other) {
  const std::string& path = other.texts.front();
  if (path == "-") {
    if (id_of_standard_input() == written) {
      refuse(output, fmt::format("is what {} reads, as standard input", other.option->name));
    }
    return;
  }
  for (const std::string& file : files_read(path)) {
    if (id_of(file) == written) refuse(output, fmt::format("is a file that {} reads", other.option->name));
  }
}

/// Files in there are the command's own, and it replaces them.
void refuse_guests(const std::vector<GivenOption>& given, const GivenOption& output) {
  const std::filesystem::path directory = place_of(output.texts.front());
  for (const GivenOption& other : given) {
    if (other.option == output.option || other.option->file == FileUse::none || other.texts.front() == "-") continue;
    if (!is_in(other.texts.front(), directory)) continue;
    throw UsageError(
        {output.option->name,
         fmt::format("{} is where {} {} lies", output.texts.front(), other.option->name, other.texts.front()),
         "name a directory of its own"});
  }
}

}  // namespace

void refuse_clashing_files(const std::vector<GivenOption>& given, bool reads_standard_input) {
  for (const GivenOption& output : given) {
    if (output.option->file == FileUse::output_directory) refuse_guests(given, output);
    if (output.option->file != FileUse::output) continue;
    for (const GivenOption& other : given) {
      const bool written_too = other.option != output.option && other.option->file == FileUse::output;
      if (written_too && same_output(output.texts.front(), other.texts.front())) {
        refuse(output, fmt::format("is the file that {} writes too", other.option->name));
      }
    }
    const std::optional<FileId> written = id_of(output.texts.front());
    if (!written) continue;  // it is new, or written without being replaced
    if (reads_standard_input && id_of_standard_input() == written) {
      refuse(output, "is what the prompt is read from, as standard input");
    }
    for (const GivenOption& other : given) {
      if (other.option->file == FileUse::input || other.option->file == FileUse::every_rank) {
        refuse_clash(output, *written, other);
      }
    }
  }
}

}  // namespace gemring
