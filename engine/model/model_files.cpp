#include "engine/model/model_files.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/model/gguf_config.h"
#include "engine/weights/file.h"
#include "engine/weights/gguf/gguf.h"
#include "engine/weights/json_file.h"
#include "engine/weights/safetensors/checkpoint.h"

namespace gemring {
namespace {

/// The last part of the path.
std::string own_name(const std::string& path) {
  const std::filesystem::path whole = std::filesystem::path(path).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

std::string name_in_config(const std::string& directory) {
  const nlohmann::json config = read_json_object(path_in(directory, "config.json"));
  const auto name = config.find("_name_or_path");
  return name != config.end() && name->is_string() ? name->get<std::string>() : "";
}

}  // namespace

ModelFiles open_model_files(const std::string& path) {
  ModelFiles files;
  if (is_gguf_path(path)) {
    files.weights = open_gguf(path);
    const GgufMetadata metadata = read_gguf_metadata(path);
    files.config = read_gguf_config(metadata, *files.weights);
    files.name = metadata.text("general.name").value_or("");
  } else {
    files.config = load_model_config(path);
    files.name = name_in_config(path);
    files.weights = open_checkpoint(path);
  }
  if (files.name.empty()) files.name = own_name(path);
  return files;
}

}  // namespace gemring
