// gemring.json; apart from config.cpp because of protobuf.
#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <filesystem>

#include "engine/base/error.h"
#include "engine/model/config.h"
#include "engine/weights/file.h"
#include "engine/weights/gguf/gguf.h"
#include "engine/weights/json_text.h"
#include "proto/profile.pb.h"

namespace gemring {

std::optional<LayerIndex> load_profile_filter_layer(const std::string& model) {
  const std::filesystem::path place(model);
  const std::string directory = is_gguf_path(model) ? place.parent_path().string() : model;
  const std::string path = path_in(directory.empty() ? "." : directory, "gemring.json");
  if (!file_exists(path)) return std::nullopt;

  constexpr const char* kAdvice = R"(write {"filter_layer": LAYER}, or remove the file and give --filter-layer)";
  const std::string text = read_text_file(path);
  try {
    require_json_object(text);
  } catch (const JsonTextError& error) {
    throw ConfigError({path, fmt::format("is no profile: it {}", error.what()), kAdvice});
  }
  proto::Profile profile;
  const auto status = google::protobuf::util::JsonStringToMessage(text, &profile);
  if (!status.ok()) {
    throw ConfigError({path, fmt::format("is no profile: {}", status.message().ToString()), kAdvice});
  }
  if (!profile.has_filter_layer()) return std::nullopt;
  if (profile.filter_layer() < 0) {
    throw ConfigError(
        {path, fmt::format("filter_layer is {}; layers count from 0", profile.filter_layer()), "correct it"});
  }
  return LayerIndex(profile.filter_layer());
}

}  // namespace gemring
